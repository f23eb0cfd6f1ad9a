import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createLineRing, LINE_OVERHEAD_BYTES } from './line-ring.ts'

test('keeps the newest lines and says what is gone', () => {
  const ring = createLineRing({ linesMax: 3, bytesMax: 10_000 })
  assert.deepEqual(ring.readAfter(0, 10, 1000), { lines: [], dropped: 0, seq: 0 })
  for (let i = 1; i <= 5; i++) assert.equal(ring.push(i, 'stdout', `line ${i}`), i)
  const read = ring.readAfter(0, 10, 1000)
  assert.deepEqual(
    read.lines.map((line) => line.text),
    ['line 3', 'line 4', 'line 5'],
  )
  assert.equal(read.dropped, 2)
  assert.equal(ring.dropped, 2)
  assert.deepEqual(ring.readAfter(read.seq, 10, 1000), { lines: [], dropped: 0, seq: 5 })
  assert.equal(ring.seqBeforeLast(2), 3)
  assert.equal(ring.seqBeforeLast(99), 2)
})

test('a line that is larger than all that is allowed is still kept and read', () => {
  const ring = createLineRing({ linesMax: 10, bytesMax: 100 })
  ring.push(0, 'stdout', 'a')
  ring.push(0, 'stderr', 'x'.repeat(500))
  assert.deepEqual([ring.firstSeq, ring.lastSeq], [2, 2])
  assert.equal(ring.readAfter(0, 10, 1).lines.length, 1)
})

test('agrees with a plain list', () => {
  const step = fc.oneof(
    fc.record({ length: fc.nat(200) }),
    fc.record({ after: fc.nat(50), lines: fc.integer({ min: 1, max: 8 }), bytes: fc.nat(600) }),
  )
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 80 }),
      fc.integer({ min: 1, max: 12 }),
      fc.nat(1500),
      (steps, linesMax, bytesMax) => {
        const ring = createLineRing({ linesMax, bytesMax })
        const all: string[] = []
        let first = 1
        const costOf = (from: number) =>
          all.slice(from - 1).reduce((sum, text) => sum + text.length + LINE_OVERHEAD_BYTES, 0)
        for (const one of steps) {
          if ('length' in one) {
            all.push('x'.repeat(one.length))
            ring.push(0, 'stdout', all.at(-1)!)
            first = Math.max(first, all.length - linesMax + 1)
            while (costOf(first) > bytesMax && first < all.length) first++
            assert.deepEqual(
              [ring.firstSeq, ring.lastSeq, ring.bytes],
              [first, all.length, costOf(first)],
            )
            continue
          }
          const { lines, dropped, seq } = ring.readAfter(one.after, one.lines, one.bytes)
          const from = Math.max(first, one.after + 1)
          assert.deepEqual(
            lines.map((line) => line.seq),
            lines.map((_, i) => from + i),
          )
          assert.ok(lines.every((line) => line.text === all[line.seq - 1]))
          assert.equal(dropped, from - one.after - 1)
          assert.equal(seq, Math.max(one.after, from - 1 + lines.length))
          assert.ok(lines.length <= one.lines)
          const bytes = lines.reduce((sum, line) => sum + line.text.length + LINE_OVERHEAD_BYTES, 0)
          assert.ok(lines.length <= 1 || bytes <= one.bytes)
          assert.ok(lines.length > 0 || from > all.length, 'a reader always gets on')
        }
      },
    ),
    { numRuns: 500 },
  )
})
