import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import fc from 'fast-check'
import { beginBody, createBodyReader, forwardBody, forwardRoom, requestFraming } from './body.ts'
import { FIELD } from './names.ts'
import { type RequestHead, createRequestHead, parseRequestHead } from './request-head.ts'
import {
  type SampleRequest,
  arrivals,
  cuts,
  damage,
  damages,
  requests,
} from './testing/arbitraries.ts'
import { type ReadRequest, readChunked, readRequest } from './testing/reference.ts'
import { createRequestRewrite, writeRequestHead } from './write-head.ts'

const LIMITS = { requestLineBytesMax: 4096, headBytesMax: 8192 }

function parse(text: string, head: RequestHead): number {
  const bytes = Buffer.from(text, 'latin1')
  head.stage = 0
  return parseRequestHead(bytes, 0, bytes.length, LIMITS, head)
}

function assertSame(head: RequestHead, text: string, expected: ReadRequest): void {
  const { offsets, count } = head.fields
  const fields = Array.from({ length: count }, (_, field) => [
    text.slice(offsets[field * 4], offsets[field * 4 + 1]),
    text.slice(offsets[field * 4 + 2], offsets[field * 4 + 3]),
  ])
  const {
    method,
    target,
    minorVersion,
    host,
    contentLength,
    isChunked,
    keepAlive,
    end: length,
  } = head
  assert.deepEqual(
    { method, target, minorVersion, host, fields, contentLength, isChunked, keepAlive, length },
    expected,
  )
}

test('valid requests are read as the reference reads them', () => {
  const head = createRequestHead(32)
  fc.assert(
    fc.property(requests, ({ text }) => {
      const verdict = readRequest(text)
      assert.equal(verdict.kind, 'message')
      assert.ok(parse(text, head) > 0)
      if (verdict.kind === 'message') assertSame(head, text, verdict.message)
    }),
    { numRuns: 500 },
  )
})

test('a head in pieces, in buffers at other places, is the head in one piece', () => {
  const head = createRequestHead(32)
  fc.assert(
    fc.property(requests, cuts, ({ text }, shares) => {
      const verdict = readRequest(text)
      assert.ok(verdict.kind === 'message')
      let result = 0
      let start = 0
      for (const length of arrivals(text.length, shares)) {
        start = (start * 7 + 3) % 50
        const bytes = Buffer.from('#'.repeat(start) + text.slice(0, length), 'latin1')
        result = parseRequestHead(bytes, start, bytes.length, LIMITS, head)
        if (result !== 0) break
      }
      assert.equal(result - start, verdict.message.length)
      const moved = '#'.repeat(start) + text
      assertSame(head, moved, { ...verdict.message, length: verdict.message.length + start })
    }),
    { numRuns: 500 },
  )
})

test('damaged requests are refused or read exactly as the reference says', () => {
  const head = createRequestHead(32)
  fc.assert(
    fc.property(requests, damages, ({ text }, all) => {
      const damaged = damage(text, all)
      const verdict = readRequest(damaged)
      const result = parse(damaged, head)
      if (verdict.kind === 'message') {
        assert.ok(result > 0, `refused ${result}`)
        assertSame(head, damaged, verdict.message)
      } else if (verdict.kind === 'refused') assert.ok(result < 0, `took ${result}`)
      else assert.ok(result <= 0, `complete at ${result}`)
    }),
    { numRuns: 4000 },
  )
})

function forward(text: string): string | null {
  const bytes = Buffer.from(text, 'latin1')
  const head = createRequestHead(32)
  const end = parseRequestHead(bytes, 0, bytes.length, LIMITS, head)
  if (end <= 0) return null
  const out = Buffer.alloc(16_384)
  const headEnd = writeRequestHead(head, bytes, out, 0, createRequestRewrite())
  assert.ok(headEnd > 0)
  const reader = createBodyReader()
  beginBody(reader, requestFraming(head), head.contentLength, 0)
  const bodyEnd = forwardBody(reader, bytes, end, bytes.length, out, headEnd, head.isChunked)
  if (bodyEnd < 0 || !reader.isDone) return null
  return out.toString('latin1', 0, bodyEnd)
}

test('what is written is refused or a valid request of the same meaning', () => {
  fc.assert(
    fc.property(requests, fc.option(damages, { nil: [] }), ({ text }, all) => {
      const damaged = damage(text, all)
      const written = forward(damaged)
      if (written === null) return
      const before = readRequest(damaged)
      const after = readRequest(written)
      assert.ok(before.kind === 'message' && after.kind === 'message')
      const { method, target, host, isChunked } = before.message
      assert.deepEqual(
        [after.message.method, after.message.target, after.message.isChunked],
        [method, target, isChunked],
      )
      assert.equal(after.message.host, host)
      assert.equal(bodyOf(written, after.message), bodyOf(damaged, before.message))
    }),
    { numRuns: 2000 },
  )
})

function bodyOf(text: string, message: ReadRequest): string {
  const rest = text.slice(message.length)
  if (!message.isChunked) return rest.slice(0, Math.max(0, message.contentLength))
  const body = readChunked(rest)
  assert.ok(body.kind === 'message')
  return body.message.payload
}

interface Seen {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly fields: readonly string[]
  readonly body: string
}

/** What Node's own parser makes of the bytes: every request it sees, and whether it found an error. */
async function readWithNode(text: string): Promise<{ seen: Seen[]; isError: boolean }> {
  const server = createServer()
  const seen: Seen[] = []
  let isError = false
  const ended = new Promise<void>((resolve) => {
    server.on('clientError', () => {
      isError = true
      resolve()
    })
    server.on('request', (request, response) => {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => {
        seen.push({
          method: request.method,
          url: request.url,
          fields: request.rawHeaders,
          body: Buffer.concat(parts).toString('latin1'),
        })
        response.end(() => resolve())
      })
    })
  })
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
  server.emit('connection', socket)
  socket.push(Buffer.from(text, 'latin1'))
  await ended
  socket.destroy()
  return { seen, isError }
}

function expectedFields(sample: SampleRequest): string[] {
  const kept = sample.lines.filter((line) => !/^x-private:/i.test(line))
  return kept.flatMap((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')]
  })
}

test("Node's parser reads what is written: method, target, fields and body", async () => {
  const samples = fc.sample(requests, { numRuns: 150, seed: 7 })
  for (const sample of samples) {
    const written = forward(sample.text)
    assert.ok(written !== null)
    const { seen, isError } = await readWithNode(written)
    assert.ok(!isError && seen.length === 1, JSON.stringify(written))
    const [request] = seen
    assert.deepEqual([request!.method, request!.url], [sample.method, sample.target])
    assert.equal(request!.body, sample.body === 'none' ? '' : sample.payload)
    const fields = request!.fields.slice()
    assert.deepEqual(fields.slice(0, 2), ['Host', sample.host])
    assert.deepEqual(fields.slice(2, 2 + expectedFields(sample).length), expectedFields(sample))
  }
})

test('the reference and the parser agree that a known name is known', () => {
  const head = createRequestHead(4)
  parse('GET / HTTP/1.1\r\nHost: a\r\nX-REQUEST-ID: 7\r\n\r\n', head)
  assert.deepEqual([...head.fields.ids.subarray(0, 2)], [FIELD.host, FIELD.xRequestId])
})

test('a body range needs the room that forwardRoom says', () => {
  const reader = createBodyReader()
  beginBody(reader, 2, -1, 0)
  assert.throws(
    () => forwardBody(reader, Buffer.from('0\r\n'), 0, 3, Buffer.alloc(8), 0, true),
    RangeError,
  )
  assert.ok(forwardRoom(reader, 3) > 8)
})
