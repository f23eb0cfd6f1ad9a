import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BATCH_LINES_MAX, createOutputFollower } from './output-follower.ts'
import { createProcessOutput, OUTPUT_LINES_MAX, type ProcessOutput } from './process-output.ts'

test('the tail is of all processes together, in the order of time', () => {
  const outputs = new Map([
    ['a', createProcessOutput('a')],
    ['b', createProcessOutput('b')],
  ])
  for (const [id, atMs] of [
    ['a', 1],
    ['b', 2],
    ['a', 3],
    ['b', 4],
    ['b', 5],
  ] as const) {
    outputs.get(id)?.push('stdout', `${id}${atMs}`, atMs)
  }
  const follower = createOutputFollower(1, ['a', 'b'], 3, (id) => outputs.get(id))
  assert.deepEqual(
    follower.next()?.lines.map((line) => line.text),
    ['a3', 'b4', 'b5'],
  )
})

test('the first batch comes also when it is empty; then none before the acknowledgement', () => {
  const output = createProcessOutput('a')
  const follower = createOutputFollower(1, ['a'], 0, () => output)
  assert.deepEqual(follower.next()?.lines, [])
  output.push('stderr', 'x', 1)
  assert.equal(follower.next(), null)
  follower.seen()
  assert.equal(follower.next()?.lines.length, 1)
  follower.seen()
  assert.equal(follower.next(), null)
})

test('a slow reader is told how many lines it has lost', () => {
  const output = createProcessOutput('a')
  const follower = createOutputFollower(1, ['a'], 0, () => output)
  follower.next()
  for (let count = 0; count < OUTPUT_LINES_MAX + 5; count++) output.push('stdout', 'x', 1)
  follower.seen()
  const batch = follower.next()
  assert.equal(batch?.dropped, 5)
  assert.equal(batch?.lines.length, BATCH_LINES_MAX)
  assert.equal(batch?.lines[0]?.seq, 6)
})

test('a process that was forgotten and came back is read from its first line', () => {
  let output: ProcessOutput | undefined = createProcessOutput('a')
  for (let count = 0; count < 9; count++) output.push('stdout', 'old', 1)
  const follower = createOutputFollower(1, ['a'], 0, () => output)
  follower.next()
  follower.seen()
  output = createProcessOutput('a')
  output.push('stdout', 'new', 2)
  assert.deepEqual(
    follower.next()?.lines.map((line) => line.text),
    ['new'],
  )
})

test('every line comes once and in order, whatever the pace', () => {
  const steps = fc.array(fc.record({ process: fc.nat(2), lines: fc.nat(1_500), reads: fc.nat(2) }))
  fc.assert(
    fc.property(steps, (plan) => {
      const outputs = [0, 1, 2].map((id) => createProcessOutput(String(id)))
      const follower = createOutputFollower(1, ['0', '1', '2'], 0, (id) => outputs[Number(id)])
      const got = new Map<string, number>()
      let dropped = 0
      let pushed = 0
      const read = (): boolean => {
        const batch = follower.next()
        if (batch === null) return false
        follower.seen()
        dropped += batch.dropped
        for (const line of batch.lines) {
          assert.ok(line.seq > (got.get(line.process) ?? 0))
          got.set(line.process, line.seq)
          pushed--
        }
        return true
      }
      plan.forEach((step, atMs) => {
        for (let count = 0; count < step.lines; count++) {
          outputs[step.process]?.push('stdout', 'x'.repeat(90), atMs)
          pushed++
        }
        for (let count = 0; count < step.reads; count++) read()
      })
      while (read()) continue
      assert.equal(pushed, dropped)
    }),
    { numRuns: 50, verbose: 1 },
  )
})
