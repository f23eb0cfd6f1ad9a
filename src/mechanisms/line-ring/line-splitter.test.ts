import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createLineSplitter, CUT_MARK } from './line-splitter.ts'

/** Lines of a stream that came in these chunks. */
function splitChunks(chunks: readonly Uint8Array[], lineBytesMax = 1000): string[] {
  const lines: string[] = []
  const splitter = createLineSplitter({ lineBytesMax, onLine: (text) => lines.push(text) })
  for (const chunk of chunks) splitter.push(chunk)
  splitter.end()
  return lines
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

test('LF and CRLF end a line, and what is left at the end is one', () => {
  assert.deepEqual(splitChunks([bytesOf('a\r\n\nb\rc\n\r\nd')]), ['a', '', 'b\rc', '', 'd'])
  assert.deepEqual(splitChunks([bytesOf('a\n')]), ['a'])
  assert.deepEqual(splitChunks([]), [])
  assert.deepEqual(splitChunks([bytesOf('a\r'), bytesOf('\nb')]), ['a', 'b'])
})

test('control sequences and a byte order mark stay, other bytes become U+FFFD', () => {
  assert.deepEqual(splitChunks([bytesOf('\u001b[31mred\u001b[0m\n\ufeffx\n')]), [
    '\u001b[31mred\u001b[0m',
    '\ufeffx',
  ])
  assert.deepEqual(splitChunks([Uint8Array.of(0x61, 0xff, 0x62, 0x0a, 0xe2, 0x82, 0x0a)]), [
    'a\ufffdb',
    '\ufffd',
  ])
})

test('a long line is cut at a character and its rest is skipped', () => {
  assert.deepEqual(splitChunks([bytesOf('1234567890\n12345678901\nx\n')], 10), [
    '1234567890',
    `1234567${CUT_MARK}`,
    'x',
  ])
  assert.deepEqual(splitChunks([bytesOf('1234567890\r\n12345678901\r\n')], 10), [
    '1234567890',
    `1234567${CUT_MARK}`,
  ])
  assert.deepEqual(splitChunks([bytesOf('12345€€€€\nx\n')], 10), [`12345${CUT_MARK}`, 'x'])
  assert.deepEqual(splitChunks([bytesOf('123456😀😀\n')], 10), [`123456${CUT_MARK}`])
})

test('a line without end holds no more than its limit', () => {
  const lines: string[] = []
  const splitter = createLineSplitter({ lineBytesMax: 100, onLine: (text) => lines.push(text) })
  const chunk = new Uint8Array(10_000).fill(0x61)
  for (let i = 0; i < 1000; i++) splitter.push(chunk)
  splitter.push(bytesOf('\nnext\n'))
  assert.deepEqual(lines, [`${'a'.repeat(97)}${CUT_MARK}`, 'next'])
})

test('it does not matter where the chunks end', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', 'é', '€', '😀', '\n', '\r\n', '\r', '\u001b[1m', 'xxxxxxxx'),
    maxLength: 40,
  })
  fc.assert(
    fc.property(
      text,
      fc.array(fc.nat(60), { maxLength: 8 }),
      fc.integer({ min: 8, max: 40 }),
      (all, cuts, lineBytesMax) => {
        const bytes = bytesOf(all)
        const ends = [...cuts.filter((cut) => cut < bytes.length), bytes.length].toSorted(
          (a, b) => a - b,
        )
        const chunks = ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end))
        const lines = splitChunks(chunks, lineBytesMax)
        const whole = all.split('\n')
        if (whole.at(-1) === '') whole.pop()
        const expected = whole.map((line) => line.replace(/\r$/, ''))
        assert.equal(lines.length, expected.length)
        for (const [i, line] of lines.entries()) {
          if (bytesOf(expected[i]!).length <= lineBytesMax) {
            assert.equal(line, expected[i])
            continue
          }
          assert.ok(line.endsWith(CUT_MARK) && expected[i]!.startsWith(line.slice(0, -1)))
          const length = bytesOf(line).length
          assert.ok(
            length <= lineBytesMax && length > lineBytesMax - 4,
            `${length} of ${lineBytesMax} bytes`,
          )
        }
      },
    ),
    { numRuns: 1000 },
  )
})
