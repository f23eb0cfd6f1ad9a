import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setImmediate as turnOfLoop } from 'node:timers/promises'
import fc from 'fast-check'
import { Breaker, BREAKER_BYTES, REFUSED } from '../../src/mechanisms/breaker/breaker.ts'
import { BREAKER, type BreakerPolicy } from '../../src/mechanisms/breaker/breaker-policy.ts'
import { findJava, findJs } from './harness/clients.ts'
import { type Program, startProgram } from './harness/programs.ts'

/**
 * The same calls at the same times through our breaker and through those that people come from. What is different is told in
 * docs/guides/from-hystrix-resilience4j.md, and each difference has its test here.
 */
interface Trace {
  readonly window: BreakerPolicy['window']
  readonly minimum: number
  readonly openMs: number
  readonly probes: number
  readonly calls: readonly (readonly [atMs: number, outcome: number])[]
}

const WORDS = { [BREAKER.closed]: 'C', [BREAKER.open]: 'O', [BREAKER.halfOpen]: 'H' } as const

/** Ours, with the terms of the other programs: half of the calls fail, or four of five are slow. */
function runOurs(trace: Trace, failureRatio = 0.5, slowRatio = 0.8): string {
  const { window, minimum, openMs, probes, calls } = trace
  const policy: BreakerPolicy = {
    mode: 'auto',
    failureRatio,
    slowRatio,
    callsMin: minimum,
    window,
    openMs,
    openMsMax: openMs,
    probes,
    probeLeaseMs: 60_000,
  }
  const breaker = new Breaker(policy, new ArrayBuffer(BREAKER_BYTES))
  return calls
    .map(([atMs, outcome]) => {
      const permit = breaker.acquire(atMs)
      if (permit === REFUSED) return '-'
      breaker.report(permit, outcome, atMs)
      return WORDS[breaker.view().state]
    })
    .join('')
}

function lineOf({ window, minimum, openMs, probes, calls }: Trace): string {
  const size = window.kind === 'count' ? window.size : window.ms / 1_000
  const said = calls.map(([atMs, outcome]) => `${atMs} ${outcome}`).join(', ')
  return `${window.kind} ${size} ${minimum} ${openMs} ${probes} : ${said}`
}

async function runTheirs(
  t: TestContext,
  program: Program,
  traces: readonly Trace[],
): Promise<readonly string[]> {
  const running = startProgram(t, program)
  const said: string[] = []
  // A piece at a time: neither side waits for a full pipe.
  for (let from = 0; from < traces.length; from += 50) {
    const lines = traces.slice(from, from + 50).map(lineOf)
    running.write(`${lines.join('\n')}\n`)
    const wanted = from + lines.length
    let isOver = false
    void running.ended.then(() => (isOver = true))
    while (running.stdout().split('\n').length <= wanted) {
      await turnOfLoop()
      if (isOver) throw new Error(`ended with ${(await running.ended).code}: ${running.stderr()}`)
    }
  }
  said.push(...running.stdout().trimEnd().split('\n'))
  running.kill('SIGTERM')
  return said
}

/** Random traces; bursts, pauses, and runs of failures. Times are even and waits odd: at the very millisecond ours tries again, resilience4j a millisecond later. */
function tracesOf(
  seed: number,
  count: number,
  terms: fc.Arbitrary<Omit<Trace, 'calls'>>,
  outcomes: number,
): readonly Trace[] {
  const call = fc.record({
    waitMs: fc.oneof({ arbitrary: fc.constant(0), weight: 3 }, fc.nat(300), fc.nat(3_000)),
    outcome: fc.nat(outcomes),
  })
  const trace = fc.record({ terms, steps: fc.array(call, { minLength: 20, maxLength: 120 }) })
  return fc.sample(trace, { seed, numRuns: count }).map((one) => {
    let atMs = 1_000_000
    const calls = one.steps.map(({ waitMs, outcome }) => [(atMs += 2 * waitMs), outcome] as const)
    return { ...one.terms, calls }
  })
}

const countTerms = (probes: number, least = 1): fc.Arbitrary<Omit<Trace, 'calls'>> =>
  fc.record({
    window: fc.record({
      kind: fc.constant('count' as const),
      size: fc.integer({ min: 5, max: 20 }),
    }),
    minimum: fc.integer({ min: least, max: 5 }),
    openMs: fc.constantFrom(501, 2_001),
    probes: fc.constant(probes),
  })
const timeTerms = (probes: number): fc.Arbitrary<Omit<Trace, 'calls'>> =>
  fc.record({
    window: fc.constant({ kind: 'time' as const, ms: 10_000 }),
    minimum: fc.integer({ min: 1, max: 8 }),
    openMs: fc.constantFrom(501, 2_001),
    probes: fc.constant(probes),
  })

const SEED = Number(process.env['SEED'] ?? 20_261_129)

/** As far as it has not closed again. */
function untilClosed(said: string): string {
  return /^C*(?:O-*)*/.exec(said)![0]
}

/** The first call at which two differ; -1: none. */
function differAt(ours: string, theirs: string): number {
  for (let at = 0; at < ours.length; at++) if (ours[at] !== theirs[at]) return at
  return -1
}

for (const [name, terms] of [
  ['count', countTerms(1)],
  ['time', timeTerms(1)],
] as const) {
  test(`resilience4j says the same of every call, over a ${name} window`, async (t) => {
    const program = await findJava(t, 'breaker')
    if (program === undefined) return
    const traces = tracesOf(SEED, 400, terms, 3)
    const theirs = await runTheirs(t, program, traces)
    let opened = 0
    for (const [i, trace] of traces.entries()) {
      const ours = runOurs(trace)
      assert.equal(ours, theirs[i], `seed ${SEED}, trace ${i}: ${lineOf(trace)}`)
      opened += Number(ours.includes('O'))
    }
    assert.ok(opened > 100, `${opened} of the traces opened it`)
  })
}

test('half open, resilience4j needs no more calls than its minimum, and ours all probes', async (t) => {
  const program = await findJava(t, 'breaker')
  if (program === undefined) return
  const calls = [0, 0, 2_000, 2_000].map((atMs, i) => [atMs + 1_000, Number(i < 2)] as const)
  const window = { kind: 'count', size: 5 } as const
  const trace: Trace = { window, minimum: 1, openMs: 501, probes: 2, calls }
  assert.deepEqual([runOurs(trace), ...(await runTheirs(t, program, [trace]))], ['O-HC', 'O-CC'])
})

test('with several probes ours decides as soon as the rest cannot change it, resilience4j after the last', async (t) => {
  const program = await findJava(t, 'breaker')
  if (program === undefined) return
  const traces = tracesOf(SEED + 1, 300, countTerms(4, 4), 3)
  const theirs = await runTheirs(t, program, traces)
  let early = 0
  for (const [i, trace] of traces.entries()) {
    const ours = runOurs(trace)
    const at = differAt(ours, theirs[i]!)
    if (at < 0) continue
    early++
    const why = `seed ${SEED + 1}, trace ${i}, call ${at}: ${ours} ${theirs[i]}`
    assert.equal(theirs[i]![at], 'H', why)
    assert.match(ours[at]!, /[CO]/, why)
  }
  assert.ok(early > 20)
})

test('cockatiel opens above the threshold and not at it, and with failed calls only; its probe counts afterwards; else it says the same', async (t) => {
  const program = await findJs(t, 'trace', 'js-breaker')
  if (program === undefined) return
  const traces = tracesOf(SEED + 2, 400, countTerms(1), 1)
  const theirs = await runTheirs(t, program, traces)
  let same = 0
  let byGood = 0
  for (const [i, trace] of traces.entries()) {
    const ours = runOurs(trace, 0.5 + 1e-9, 2)
    const at = differAt(untilClosed(ours), theirs[i]!)
    if (at < 0) {
      same++
      continue
    }
    const why = `seed ${SEED + 2}, trace ${i}, call ${at}: ${ours} ${theirs[i]} ${lineOf(trace)}`
    assert.deepEqual([ours[at], theirs[i]![at], trace.calls[at]![1]], ['O', 'C', 0], why)
    byGood++
  }
  assert.ok(same > 20 && byGood > 20, `${same} are the same, ${byGood} differ by a good call`)
})
