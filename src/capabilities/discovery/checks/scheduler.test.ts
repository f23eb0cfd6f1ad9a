import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CheckStatus } from '../check-spec.ts'
import { FakeClock, oneCheck } from '../testdata/ground.ts'
import { CheckScheduler, type CheckResult } from './scheduler.ts'

const settle = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A scheduler whose checks answer what the test says, when it says so. */
function startScheduler(concurrencyMax = 10, random = () => 0.5) {
  const clock = new FakeClock()
  const asked: string[] = []
  const results: [string, CheckStatus, string][] = []
  let answer: (subject: string, signal: AbortSignal) => Promise<CheckResult> = async () =>
    pass('passing')
  const scheduler = new CheckScheduler<string>({
    clock,
    random,
    concurrencyMax,
    run: (subject, signal) => {
      asked.push(subject)
      return answer(subject, signal)
    },
    onResult: (subject, { status, output }) => results.push([subject, status, output]),
  })
  const advance = async (ms: number) => {
    clock.advance(ms)
    await settle()
  }
  return {
    clock,
    asked,
    results,
    scheduler,
    advance,
    answerWith: (next: typeof answer) => (answer = next),
  }
}

function pass(status: CheckStatus): CheckResult {
  return { status, output: `it is ${status}`, durationMs: 1 }
}

test('thresholds ask for several in a row', async () => {
  const { scheduler, results, advance, answerWith } = startScheduler()
  const script: CheckStatus[] = [
    'passing',
    'critical',
    'passing',
    'passing',
    'critical',
    'critical',
    'passing',
    'critical',
    'critical',
    'critical',
    'warning',
    'warning',
  ]
  answerWith(async () => pass(script.shift() ?? 'unknown'))
  scheduler.start('a', { ...oneCheck, healthy: 2, unhealthy: 3 }, 'unknown')
  for (let round = 0; round < 12; round++) await advance(1_000)
  assert.deepEqual(
    results.map(([, status]) => status),
    [
      'unknown',
      'unknown',
      'unknown',
      'passing',
      'passing',
      'passing',
      'passing',
      'passing',
      'passing',
      'critical',
      'critical',
      'warning',
    ],
  )
  await scheduler.close()
})

test('a few failures in a row may be a warning, before more of them are critical', async () => {
  const { scheduler, results, advance, answerWith } = startScheduler()
  const script: CheckStatus[] = [
    'passing',
    'critical',
    'critical',
    'critical',
    'passing',
    'critical',
  ]
  answerWith(async () => pass(script.shift() ?? 'unknown'))
  scheduler.start('a', { ...oneCheck, warnAfter: 2, unhealthy: 3 }, 'unknown')
  for (let at = 0; at < 6; at++) await advance(at === 0 ? 0 : 1_000)
  assert.deepEqual(
    results.map(([, status]) => status),
    ['passing', 'passing', 'warning', 'critical', 'passing', 'passing'],
  )
  await scheduler.close()
})

test('a start is asked every 100 ms until the first success, and its failures do not count', async () => {
  const { scheduler, asked, results, advance, answerWith } = startScheduler()
  let status: CheckStatus = 'critical'
  answerWith(async () => pass(status))
  scheduler.start('a', { ...oneCheck, startupMs: 2_000 }, 'unknown')
  for (let round = 0; round < 10; round++) await advance(100)
  assert.equal(asked.length, 10)
  assert.deepEqual(new Set(results.map(([, seen]) => seen)), new Set(['unknown']))
  status = 'passing'
  await advance(100)
  assert.equal(results.at(-1)?.[1], 'passing')
  status = 'critical'
  await advance(999)
  assert.equal(asked.length, 11, 'from the first success on at the interval')
  await advance(1)
  assert.equal(results.at(-1)?.[1], 'critical', 'and failures count')
  await scheduler.close()
})

test('failures count when the start took too long', async () => {
  const { scheduler, results, advance, answerWith } = startScheduler()
  answerWith(async () => pass('critical'))
  scheduler.start('a', { ...oneCheck, startupMs: 250 }, 'unknown')
  for (let round = 0; round < 4; round++) await advance(100)
  assert.deepEqual(
    results.map(([, status]) => status),
    ['unknown', 'unknown', 'critical'],
  )
  await scheduler.close()
})

test('no answer in time is a failure that says so', async () => {
  const { scheduler, results, advance, answerWith } = startScheduler()
  answerWith((_subject, signal) => {
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('aborted')))
    })
  })
  scheduler.start('a', oneCheck, 'unknown')
  await advance(0)
  await advance(500)
  assert.deepEqual(results, [['a', 'critical', 'No answer within 500 ms.']])
  await scheduler.close()
})

test('at most so many at once, the others in order of arrival', async () => {
  const { scheduler, asked, advance, answerWith } = startScheduler(2)
  const open: (() => void)[] = []
  answerWith(() => new Promise((resolve) => open.push(() => resolve(pass('passing')))))
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    scheduler.start(name, oneCheck, 'unknown')
    await advance(0)
  }
  assert.deepEqual(asked, ['a', 'b'])
  assert.equal(scheduler.queuedCount, 3)
  open.shift()?.()
  await settle()
  assert.deepEqual(asked, ['a', 'b', 'c'])
  open.shift()?.()
  open.shift()?.()
  await settle()
  assert.deepEqual(asked, ['a', 'b', 'c', 'd', 'e'])
  const closing = scheduler.close()
  for (const end of open) end()
  await closing
})

test('an adopted one stays passing until a check says otherwise, and is not asked in step with others', async () => {
  const { scheduler, asked, results, advance, answerWith } = startScheduler(10, () => 0.25)
  answerWith(async () => pass('critical'))
  scheduler.start('a', { ...oneCheck, startupMs: 60_000, unhealthy: 2 }, 'passing')
  await advance(249)
  assert.equal(asked.length, 0)
  await advance(1)
  await advance(950)
  assert.deepEqual(
    results.map(([, status]) => status),
    ['passing', 'critical'],
  )
  await scheduler.close()
})

test('what is stopped is asked no more and its late result is dropped', async () => {
  const { scheduler, asked, results, advance, answerWith, clock } = startScheduler()
  let end: () => void = () => {}
  answerWith(() => new Promise((resolve) => (end = () => resolve(pass('passing')))))
  const job = scheduler.start('a', oneCheck, 'unknown')
  await advance(0)
  scheduler.stop(job)
  end()
  await advance(10_000)
  assert.equal(asked.length, 1)
  assert.deepEqual(results, [])
  assert.equal(clock.timerCount, 0)
  await scheduler.close()
})
