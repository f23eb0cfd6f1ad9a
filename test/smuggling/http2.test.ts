import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { FRAME } from '../../src/mechanisms/http2/frames.ts'
import {
  clientStart,
  framesIn,
  literalBlock,
  wireFrame,
} from '../../src/mechanisms/http2/testing/wire.ts'
import { startDataPlane } from './dataplane.ts'
import type { RunningProxy } from './judge.ts'
import { type Recorder, startRecorder } from './recorder.ts'

/**
 * HTTP/2 in, HTTP/1.1 out: whatever a client puts into its frames, the upstream gets exactly one message for a request that is one, and nothing for one that is none.
 * Behind each attempt stands a plain request on the same connection, which must arrive alone and as it is.
 */

type Field = readonly [name: string, value: string]

const END_STREAM = 1
const END_HEADERS = 4
const pseudo: readonly Field[] = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/attempt'],
  [':authority', 'shop.example'],
]
const canary: readonly Field[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/canary'],
  [':authority', 'shop.example'],
]
const replace = (name: string, value: string): readonly Field[] =>
  pseudo.map(([other, old]) => [other, other === name ? value : old])

interface Attempt {
  readonly fields: readonly Field[]
  readonly body?: string
  readonly trailers?: readonly Field[]
}

function framesOf({ fields, body, trailers }: Attempt): Buffer {
  const isEnd = body === undefined && trailers === undefined
  const flags = END_HEADERS | (isEnd ? END_STREAM : 0)
  const parts = [wireFrame(FRAME.headers, flags, 1, literalBlock(fields))]
  if (body !== undefined) {
    const last = trailers === undefined ? END_STREAM : 0
    parts.push(wireFrame(FRAME.data, last, 1, Buffer.from(body, 'latin1')))
  }
  if (trailers !== undefined) {
    parts.push(wireFrame(FRAME.headers, END_HEADERS | END_STREAM, 1, literalBlock(trailers)))
  }
  return Buffer.concat(parts)
}

const refusals: Readonly<Record<string, Attempt>> = {
  'CR LF in a value': { fields: [...pseudo, ['a', 'b\r\nx: y']] },
  'a request in a value': {
    fields: [...pseudo, ['a', 'b\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n']],
  },
  'LF in a value': { fields: [...pseudo, ['a', 'b\nx: y']] },
  'CR in a value': { fields: [...pseudo, ['a', 'b\rx']] },
  'NUL in a value': { fields: [...pseudo, ['a', 'b\0']] },
  'CR LF in a name': { fields: [...pseudo, ['a: b\r\nx', 'y']] },
  'a colon in a name': { fields: [...pseudo, ['transfer-encoding: chunked', '']] },
  'a space in a name': { fields: [...pseudo, ['transfer-encoding ', 'chunked']] },
  'an upper-case name': { fields: [...pseudo, ['Transfer-Encoding', 'chunked']] },
  'transfer-encoding': {
    fields: [...pseudo, ['transfer-encoding', 'chunked']],
    body: '0\r\n\r\n',
  },
  'a name that imitates transfer-encoding': {
    fields: [...pseudo, ['transfer_encoding', 'chunked']],
    body: '0\r\n\r\n',
  },
  'a name that imitates content-length': {
    fields: [...pseudo, ['content_length', '0']],
    body: 'x',
  },
  'connection: transfer-encoding': { fields: [...pseudo, ['connection', 'content-length']] },
  'upgrade: h2c': { fields: [...pseudo, ['upgrade', 'h2c']] },
  'a content-length without a body': { fields: [...pseudo, ['content-length', '40']] },
  'two lengths': {
    fields: [...pseudo, ['content-length', '1'], ['content-length', '2']],
    body: 'x',
  },
  'a list of lengths': { fields: [...pseudo, ['content-length', '1, 1']], body: 'x' },
  'a signed length': { fields: [...pseudo, ['content-length', '+1']], body: 'x' },
  'a method with a line': {
    fields: replace(':method', 'GET / HTTP/1.1\r\nx: y\r\n\r\nGET'),
  },
  'a method with a space': { fields: replace(':method', 'GET /smuggled') },
  'a path with a space': {
    fields: replace(':path', '/ HTTP/1.1\r\nHost: a\r\n\r\nGET /smuggled'),
  },
  'a path with a version': { fields: replace(':path', '/smuggled HTTP/1.1') },
  'a path without a slash': { fields: replace(':path', 'smuggled') },
  'an absolute path': { fields: replace(':path', 'http://evil.example/smuggled') },
  'an authority with a line': { fields: replace(':authority', 'a\r\nx: y') },
  'an authority with a user': { fields: replace(':authority', 'shop.example@evil.example') },
  'an authority with a path': { fields: replace(':authority', 'evil.example/x') },
  'a forged Host': { fields: [...pseudo, ['host', 'evil.example']] },
  'two Hosts': { fields: [...pseudo, ['host', 'shop.example'], ['host', 'shop.example']] },
  'a scheme with a line': { fields: replace(':scheme', 'http://evil.example/?x=') },
  'pseudo-headers behind fields': { fields: [...pseudo, ['a', 'b'], [':path', '/smuggled']] },
  'a pseudo-header twice': { fields: [...pseudo, [':path', '/smuggled']] },
  'a status in a request': { fields: [...pseudo, [':status', '200']] },
  CONNECT: { fields: replace(':method', 'CONNECT') },
  'a field in trailers that is none': {
    fields: pseudo,
    body: 'x',
    trailers: [['a', 'b\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n']],
  },
  'a pseudo-header in trailers': {
    fields: pseudo,
    body: 'x',
    trailers: [[':path', '/smuggled']],
  },
}

describe('smuggling from HTTP/2 to HTTP/1.1', () => {
  let recorder: Recorder
  let proxy: RunningProxy
  before(async () => {
    recorder = await startRecorder()
    proxy = await startDataPlane(recorder.port)
  })
  after(async () => {
    await proxy.stop()
    await recorder.stop()
  })

  /** What the upstream got besides the canary. */
  async function attempt(one: Attempt) {
    recorder.take()
    const socket = connect(proxy.port, '127.0.0.1')
    const parts: Buffer[] = []
    let pending = Buffer.alloc(0)
    const ended = new Set<number>()
    socket.on('data', (chunk: Buffer) => {
      parts.push(chunk)
      pending = Buffer.concat([pending, chunk])
      while (pending.length >= 9 && pending.length >= 9 + pending.readUIntBE(0, 3)) {
        const end = 9 + pending.readUIntBE(0, 3)
        const [frame] = framesIn(pending.subarray(0, end))
        pending = pending.subarray(end)
        const isEnd = frame!.type <= FRAME.headers && (frame!.flags & END_STREAM) !== 0
        if (isEnd || frame!.type === FRAME.resetStream) ended.add(frame!.streamId)
      }
    })
    socket.write(Buffer.concat([clientStart, framesOf(one)]))
    while (!ended.has(1)) await once(socket, 'data')
    socket.write(wireFrame(FRAME.headers, END_HEADERS | END_STREAM, 3, literalBlock(canary)))
    while (!ended.has(3)) await once(socket, 'data')
    socket.destroy()
    const { messages, errors, rests } = recorder.take()
    assert.deepEqual(errors, [], 'the upstream got bytes that are no strict HTTP')
    const canaries = messages.filter(({ target }) => target === '/canary')
    assert.equal(canaries.length, 1)
    assert.deepEqual([canaries[0]?.method, canaries[0]?.body], ['GET', ''])
    return { others: messages.filter(({ target }) => target !== '/canary'), rests }
  }

  for (const [name, one] of Object.entries(refusals)) {
    test(`${name} never arrives`, async () => {
      const { others } = await attempt(one)
      assert.deepEqual(others, [])
    })
  }

  test('what is more than its length never arrives: the request has ended before it', async () => {
    for (const length of [0, 3]) {
      const body = `${'x'.repeat(length)}GET /smuggled HTTP/1.1\r\n\r\n`
      const { others } = await attempt({
        fields: [...pseudo, ['content-length', String(length)]],
        body,
      })
      assert.ok(others.every((one) => one.target === '/attempt' && one.body.length === length))
      assert.ok(others.length <= 1)
    }
  })

  test('what is allowed arrives once, as it is', async () => {
    const body = '5\r\nGET /smuggled HTTP/1.1\r\n\r\n0\r\n\r\n'
    const { others } = await attempt({
      fields: [
        ...pseudo,
        ['x-kept', 'a b\tc'],
        ['cookie', 'a=1'],
        ['cookie', 'b=2'],
        ['host', 'shop.example'],
      ],
      body,
      trailers: [
        ['x-checksum', '1'],
        ['content-length', '3'],
        ['authorization', 'none'],
      ],
    })
    assert.equal(others.length, 1)
    const [message] = others
    assert.equal(message?.body, body)
    assert.equal(message.host, 'shop.example')
    const valuesOf = (name: string) =>
      message.fields.flatMap(([other, value]) => (other === name ? [value] : []))
    assert.deepEqual(valuesOf('cookie'), ['a=1; b=2'])
    assert.deepEqual(valuesOf('x-kept'), ['a b\tc'])
    assert.deepEqual(
      message.trailers.map(([other]) => other),
      ['x-checksum'],
    )
  })

  test('whatever bytes stand in fields: at most one message, with no line that was not sent', async () => {
    const text = fc.string({
      unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
      maxLength: 12,
    })
    const name = fc.oneof(
      fc.constantFrom('x-a', 'host', 'te', 'cookie', 'content-length', 'transfer-encoding', 'x_b'),
      text,
    )
    const value = fc.oneof(text, fc.constantFrom('chunked', '0', '3', 'shop.example', 'trailers'))
    const changed = fc.option(
      fc.tuple(fc.constantFrom(':method', ':path', ':authority', ':scheme'), text),
      { nil: undefined },
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(name, value), { maxLength: 3 }),
        changed,
        fc.option(text, { nil: undefined }),
        async (fields, change, body) => {
          const first = change === undefined ? pseudo : replace(...change)
          const { others } = await attempt({
            fields: [...first, ...fields],
            ...(body === undefined ? {} : { body }),
          })
          assert.ok(others.length <= 1)
          for (const message of others) {
            const sent = fields.map(([one]) => one.toLowerCase())
            const foreign = message.fields.filter(
              ([one]) => one.startsWith('x-a') && !sent.includes(one),
            )
            assert.deepEqual(foreign, [])
            assert.equal(message.body, body ?? '')
          }
        },
      ),
      { numRuns: 150 },
    )
  })
})
