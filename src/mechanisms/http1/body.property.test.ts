import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { beginBody, createBodyReader, forwardBody, forwardRoom } from './body.ts'
import { FRAMING } from './response-head.ts'
import { arrivals, cuts, damage, damages, plainFields } from './testing/arbitraries.ts'
import { readChunked } from './testing/reference.ts'

const payloads = fc.array(
  fc.string({
    unit: fc.constantFrom('x', 'y', '\r', '\n', '0', ';', '\xff'),
    minLength: 1,
    maxLength: 40,
  }),
  { maxLength: 6 },
)
const extensions = fc.constantFrom('', '', ';a', ';a=b', ';a="b c;\\" \\\\"', ';a=b;c;d="\xff\t"')
const sizes = fc.constantFrom(
  (size: number) => size.toString(16),
  (size: number) => `00${size.toString(16).toUpperCase()}`,
)

const chunkedBodies = fc
  .record({
    payloads,
    extensions: fc.array(extensions, { minLength: 7, maxLength: 7 }),
    size: sizes,
    trailers: plainFields,
  })
  .map((body) => {
    const chunks = body.payloads.map(
      (payload, index) => `${body.size(payload.length)}${body.extensions[index]}\r\n${payload}\r\n`,
    )
    const trailers = body.trailers.map(([name, value]) => `${name}: ${value}\r\n`)
    return {
      payload: body.payloads.join(''),
      text: `${chunks.join('')}0${body.extensions[6]}\r\n${trailers.join('')}\r\n`,
    }
  })

interface Forwarded {
  readonly text: string
  readonly error: number
  readonly isDone: boolean
  readonly consumed: number
}

/** Feeds a body piece by piece, each in a buffer of its own with other bytes around it. */
function forwardPieces(text: string, shares: readonly number[], isChunked: boolean): Forwarded {
  const reader = createBodyReader()
  beginBody(reader, FRAMING.chunked, -1, 0)
  let written = ''
  let consumed = 0
  for (const length of arrivals(text.length, shares)) {
    if (reader.isDone) break
    const bytes = Buffer.from(`#${text.slice(consumed, length)}`, 'latin1')
    const out = Buffer.alloc(forwardRoom(reader, bytes.length - 1) + 3)
    const end = forwardBody(reader, bytes, 1, bytes.length, out, 3, isChunked)
    if (end < 0) return { text: written, error: end, isDone: false, consumed }
    written += out.toString('latin1', 3, end)
    consumed += reader.consumed - 1
  }
  return { text: written, error: 0, isDone: reader.isDone, consumed }
}

test('a valid chunked body keeps its payload, wherever it is cut', () => {
  fc.assert(
    fc.property(chunkedBodies, cuts, ({ payload, text }, shares) => {
      const plain = forwardPieces(text, shares, false)
      assert.deepEqual(
        [plain.error, plain.isDone, plain.consumed, plain.text],
        [0, true, text.length, payload],
      )
      const chunked = forwardPieces(text, shares, true)
      const verdict = readChunked(chunked.text)
      assert.ok(verdict.kind === 'message')
      assert.equal(verdict.message.payload, payload)
      assert.equal(verdict.message.length, chunked.text.length)
      const chunks = chunked.text.slice(0, Math.max(0, chunked.text.lastIndexOf('\r\n0\r\n')))
      assert.ok(!chunks.includes(';a'), 'extensions are dropped')
    }),
    { numRuns: 500 },
  )
})

test('bytes behind a body are not touched', () => {
  const text = '3\r\nabc\r\n0\r\n\r\nGET / HTTP/1.1\r\n'
  const result = forwardPieces(text, [], false)
  assert.deepEqual([result.text, result.isDone, result.consumed], ['abc', true, 13])
})

test('a damaged chunked body is refused or read exactly as the reference says, wherever it is cut', () => {
  fc.assert(
    fc.property(chunkedBodies, damages, cuts, ({ text }, all, shares) => {
      const damaged = damage(text, all)
      const verdict = readChunked(damaged)
      const result = forwardPieces(damaged, shares, false)
      if (verdict.kind === 'message') {
        const { payload, length } = verdict.message
        assert.deepEqual(
          [result.error, result.isDone, result.consumed, result.text],
          [0, true, length, payload],
        )
      } else if (verdict.kind === 'refused') assert.ok(result.error < 0)
      else assert.ok(!result.isDone)
    }),
    { numRuns: 3000 },
  )
})
