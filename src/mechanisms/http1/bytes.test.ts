import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createWordView, isFoldedToken, isToken, skipFieldContent, writeDecimal } from './bytes.ts'

const isContent = (byte: number): boolean => byte === 9 || (byte > 31 && byte !== 127)

function skipSlowly(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end && isContent(bytes[at]!)) at++
  return at
}

test('long values are tested as short ones are, for each byte at each place of a word', () => {
  const view = createWordView()
  for (let byte = 0; byte < 256; byte++) {
    for (let place = 300; place < 308; place++) {
      const bytes = new Uint8Array(400).fill(97)
      bytes[place] = byte
      assert.equal(
        skipFieldContent(bytes, 1, 400, view),
        isContent(byte) ? 400 : place,
        `${byte} at ${place}`,
      )
    }
  }
})

test('any bytes, any range, in a view of a larger buffer', () => {
  const view = createWordView()
  const contents = fc.uint8Array({ minLength: 300, maxLength: 400 })
  fc.assert(
    fc.property(
      contents,
      fc.nat({ max: 30 }),
      fc.nat({ max: 400 }),
      fc.boolean(),
      (content, start, length, isPlain) => {
        const bytes = new Uint8Array(content.length + 8).subarray(3, 3 + content.length)
        bytes.set(isPlain ? content.map((byte) => (byte & 63) | 64) : content)
        const end = Math.min(bytes.length, start + length)
        assert.equal(skipFieldContent(bytes, start, end, view), skipSlowly(bytes, start, end))
        assert.equal(
          skipFieldContent(bytes, 0, bytes.length, view),
          skipSlowly(bytes, 0, bytes.length),
        )
      },
    ),
    { numRuns: 300 },
  )
})

test('numbers are written as they are read', () => {
  const out = Buffer.alloc(32)
  for (const value of [0, 9, 10, 99, 100, 2 ** 32, 999_999_999_999_999, Number.MAX_SAFE_INTEGER]) {
    assert.equal(out.toString('latin1', 1, writeDecimal(out, 1, value)), `${value}`)
  }
})

test('tokens are compared whole', () => {
  const bytes = Buffer.from('xX-Abc_dx')
  assert.ok(
    isToken(bytes, 1, 6, 'x-abc') &&
      !isToken(bytes, 1, 6, 'x-ab') &&
      !isToken(bytes, 1, 8, 'x-abc-d'),
  )
  assert.ok(
    isFoldedToken(bytes, 1, 8, 'x-abc-d') &&
      isFoldedToken(bytes, 1, 8, 'x-abc_d') &&
      !isFoldedToken(bytes, 1, 8, 'x-abcxd'),
  )
})
