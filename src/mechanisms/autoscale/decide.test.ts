import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Behavior, DEFAULT_BEHAVIOR, type ScalingRules } from './behavior.ts'
import { changeScale, decideScale, type ScaleDecision, type ScaleTerms } from './decide.ts'
import { DEFAULT_READING_TERMS, type Metric, type Replica, type Sample } from './metrics.ts'

const terms: ScaleTerms = {
  ...DEFAULT_READING_TERMS,
  min: 1,
  max: 10,
  behavior: DEFAULT_BEHAVIOR,
}

function shared(name: string, replicas: number | undefined): Metric {
  const total =
    replicas === undefined
      ? ({ state: 'missing', reason: 'nobody answers' } as const)
      : ({ state: 'known', milli: replicas * 1000 } as const)
  return { kind: 'shared', name, targetMilli: 1000, total }
}

function decide(
  wanted: number,
  metrics: readonly Metric[],
  more: Partial<ScaleTerms> = {},
): ScaleDecision {
  const state = { wantedCount: wanted, presentCount: wanted, replicas: [] }
  return decideScale({ ...terms, ...more }, metrics, state, undefined, 1_000_000).decision
}

test('several metrics: the largest counts, and it is named', () => {
  const got = decide(3, [shared('a', 4), shared('b', 5), shared('c', 5), shared('d', 1)])
  assert.ok(got.state === 'decided')
  assert.deepEqual([got.replicas, got.recommended, got.by, got.limits], [5, 5, 'b', []])
  assert.equal(got.recommendations.length, 4)
})

test('an unusable metric blocks fewer, not more; without any it holds', () => {
  const calm = {
    behavior: { ...DEFAULT_BEHAVIOR, down: { ...DEFAULT_BEHAVIOR.down, stabilizationMs: 0 } },
  }
  assert.equal(decide(3, [shared('a', 2)], calm).replicas, 2)
  const held = decide(3, [shared('a', 2), shared('b', undefined)], calm)
  assert.ok(held.state === 'held')
  assert.deepEqual(
    held.recommendations.map((one) => one.state),
    ['usable', 'unusable'],
  )
  assert.equal(decide(3, [shared('a', 5), shared('b', undefined)], calm).replicas, 5)
  assert.deepEqual(decide(3, []), { state: 'held', replicas: 3, recommendations: [] })
  assert.equal(decide(3, [shared('a', undefined)]).state, 'held')
})

test('bounds are held without asking a metric; 0 switches off, unless 0 is allowed', () => {
  const none = [shared('a', undefined)]
  assert.deepEqual(decide(12, none), { state: 'bounded', replicas: 10, limit: 'max' })
  assert.deepEqual(decide(1, none, { min: 2 }), { state: 'bounded', replicas: 2, limit: 'min' })
  assert.deepEqual(decide(0, [shared('a', 5)]), { state: 'off', replicas: 0 })
  assert.equal(decide(0, [shared('a', 3)], { min: 0 }).replicas, 3)
  assert.equal(decide(0, [shared('a', 0)], { min: 0 }).replicas, 0)
})

test('it says what limited it', () => {
  const limitsOf = (got: ScaleDecision) => (got.state === 'decided' ? got.limits : got.state)
  assert.deepEqual(limitsOf(decide(1, [shared('a', 50)])), ['rate'])
  assert.deepEqual(limitsOf(decide(8, [shared('a', 50)])), ['max'])
  assert.deepEqual(limitsOf(decide(8, [shared('a', 2)])), ['stabilization'])
  const rules = { ...DEFAULT_BEHAVIOR.down, stabilizationMs: 0 }
  const down = { behavior: { ...DEFAULT_BEHAVIOR, down: rules } }
  assert.deepEqual(limitsOf(decide(8, [shared('a', 0)], down)), ['min'])
})

test('tolerances by direction (KEP-4951)', () => {
  const fifty = { max: 100, tolerance: { up: 0, down: 0.5 } }
  assert.equal(decide(50, [shared('a', 51)], fifty).replicas, 51)
  assert.equal(decide(50, [shared('a', 26)], fifty).replicas, 50)
})

/** The obvious one: everything is kept for ever and looked through each time. */
class Reference {
  readonly #terms: ScaleTerms
  readonly #asked: { atMs: number; replicas: number }[] = []
  readonly #added: { atMs: number; count: number }[] = []
  readonly #removed: { atMs: number; count: number }[] = []

  constructor(referenceTerms: ScaleTerms) {
    this.#terms = referenceTerms
  }

  turn(wanted: number, metrics: readonly Metric[], replicas: readonly Replica[], nowMs: number) {
    const { min, max } = this.#terms
    if (this.#asked.length === 0) this.#asked.push({ atMs: nowMs, replicas: wanted })
    if (wanted === 0 && min > 0) return 0
    if (wanted > max) return max
    if (wanted < min) return min
    const each = metrics.map((one) => this.#askedBy(one, wanted, replicas, nowMs))
    const known = each.filter((one) => one !== undefined)
    if (known.length === 0) return wanted
    const asked = Math.max(...known)
    if (known.length < each.length && asked < wanted) return wanted
    const next = this.#limited(wanted, this.#stabilized(wanted, asked, nowMs), nowMs)
    this.#asked.push({ atMs: nowMs, replicas: asked })
    return next
  }

  changed(from: number, to: number, nowMs: number): void {
    if (to > from) this.#added.push({ atMs: nowMs, count: to - from })
    if (to < from) this.#removed.push({ atMs: nowMs, count: from - to })
  }

  #stabilized(wanted: number, asked: number, nowMs: number): number {
    const { up, down } = this.#terms.behavior
    const within = (lengthMs: number) =>
      this.#asked.filter((one) => nowMs - one.atMs < lengthMs).map((one) => one.replicas)
    const low = Math.min(asked, ...within(up.stabilizationMs))
    const high = Math.max(asked, ...within(down.stabilizationMs))
    if (wanted < low) return low
    return wanted > high ? high : wanted
  }

  #limited(wanted: number, next: number, nowMs: number): number {
    const { min, max, behavior } = this.#terms
    const rules = next > wanted ? behavior.up : behavior.down
    if (next === wanted || rules.select === 'disabled') return wanted
    const sign = next > wanted ? 1 : -1
    const moves = rules.policies.map(({ unit, value, periodMs }) => {
      const sum = (list: readonly { atMs: number; count: number }[]) =>
        list.reduce((all, one) => all + (nowMs - one.atMs < periodMs ? one.count : 0), 0)
      const start = wanted - sum(this.#added) + sum(this.#removed)
      if (unit === 'replicas') return (start + sign * value - wanted) * sign
      const share = start * (1 + (sign * value) / 100)
      return ((sign > 0 ? Math.ceil(share) : Math.trunc(share)) - wanted) * sign
    })
    const move = rules.select === 'min' ? Math.min(...moves) : Math.max(...moves)
    const reach = wanted + sign * Math.max(0, move)
    return sign > 0 ? Math.min(next, reach, max) : Math.max(next, reach, min)
  }

  #askedBy(metric: Metric, wanted: number, replicas: readonly Replica[], nowMs: number) {
    if (metric.kind === 'value' || metric.kind === 'shared') {
      if (metric.total.state === 'missing') return undefined
      const { milli } = metric.total
      if (metric.kind === 'shared') {
        const isNear = Math.abs(1 - milli / (metric.targetMilli * wanted)) <= 0.1 + 1e-12
        return isNear ? wanted : Math.ceil(milli / metric.targetMilli)
      }
      const ratio = milli / metric.targetMilli
      if (wanted === 0) return Math.ceil(ratio)
      if (Math.abs(1 - ratio) <= 0.1 + 1e-12) return wanted
      if (replicas.length === 0) return undefined
      const isReady = (one: Replica) => one.phase === 'running' && one.readiness?.isReady === true
      return Math.ceil(ratio * replicas.filter(isReady).length)
    }
    return this.#askedBySamples(metric, wanted, replicas, nowMs)
  }

  #askedBySamples(
    metric: Extract<Metric, { kind: 'utilization' | 'average' }>,
    wanted: number,
    replicas: readonly Replica[],
    nowMs: number,
  ): number | undefined {
    if (metric.samples.state === 'missing') return undefined
    const { byReplica } = metric.samples
    const live = replicas.filter((one) => !one.isLeaving && one.phase !== 'failed')
    const request = (id: string) => (metric.kind === 'utilization' ? metric.requests.get(id)! : 1)
    const isSetAside = (one: Replica) => {
      const sample = byReplica.get(one.id)
      if (one.phase === 'pending') return true
      if (metric.resource !== 'cpu' || sample === undefined) return false
      if (one.readiness === undefined || one.startedAtMs === undefined) return true
      const { isReady, sinceMs } = one.readiness
      if (nowMs - one.startedAtMs < 300_000)
        return !isReady || sample.atMs - sinceMs < sample.windowMs
      return !isReady && sinceMs - one.startedAtMs < 30_000
    }
    const aside = live.filter(isSetAside)
    const missing = live.filter((one) => !byReplica.has(one.id) && !aside.includes(one))
    const asideIds = new Set(aside.map((one) => one.id))
    const measured = [...byReplica].filter(([id]) => !asideIds.has(id))
    const ratioOf = (rows: readonly (readonly [string, number])[]) => {
      const sum = rows.reduce((all, [, milli]) => all + milli, 0)
      if (metric.kind === 'average') return Math.floor(sum / rows.length) / metric.targetMilli
      const requested = rows.reduce((all, [id]) => all + request(id), 0)
      return Math.floor((sum * 100) / requested) / metric.targetPercent
    }
    if (replicas.length === 0 || measured.length === 0) return undefined
    const rows = measured.map(([id, { milli }]) => [id, milli] as const)
    const first = ratioOf(rows)
    const isNear = (ratio: number) => Math.abs(1 - ratio) <= 0.1 + 1e-12
    if (missing.length === 0 && (aside.length === 0 || first <= 1)) {
      const count = live.length - aside.length
      return isNear(first) ? wanted : Math.ceil(first * count)
    }
    const full = (id: string) =>
      metric.kind === 'average'
        ? metric.targetMilli
        : Math.floor((request(id) * Math.max(100, metric.targetPercent)) / 100)
    const guessed = missing.map(({ id }) => [id, first < 1 ? full(id) : 0] as const)
    const starting = first > 1 ? aside.map(({ id }) => [id, 0] as const) : []
    const leaveOut = first === 1 && metric.kind === 'utilization'
    const all = [...rows, ...(leaveOut ? [] : guessed), ...starting]
    const second = ratioOf(all)
    const count = Math.ceil(second * all.length)
    const isTurned = Math.sign(first - 1) * Math.sign(second - 1) < 0
    const isOdd = (second < 1 && count > wanted) || (second > 1 && count < wanted)
    return isNear(second) || isTurned || isOdd ? wanted : count
  }
}

const HOUR = 3_600_000
const rulesOf: fc.Arbitrary<ScalingRules> = fc.record({
  stabilizationMs: fc.constantFrom(0, 20_000, 60_000, 300_000),
  select: fc.constantFrom('max', 'min', 'disabled', 'max'),
  policies: fc.array(
    fc.record({
      unit: fc.constantFrom('replicas', 'percent'),
      value: fc.integer({ min: 1, max: 120 }),
      periodMs: fc.constantFrom(15_000, 60_000),
    }),
    { minLength: 1, maxLength: 3 },
  ),
})
const behaviorOf: fc.Arbitrary<Behavior> = fc.record({ up: rulesOf, down: rulesOf })
const ageOf = fc.integer({ min: 0, max: 400_000 })

interface Reading {
  readonly replicas: readonly (Replica & { readonly sample: Sample | undefined })[]
  readonly metrics: readonly Metric[]
}

function readingOf(nowMs: number, wanted: number): fc.Arbitrary<Reading> {
  const replica = fc.record({
    phase: fc.constantFrom('running', 'running', 'running', 'pending', 'failed'),
    isLeaving: fc.nat(9).map((n) => n === 0),
    readiness: fc.option(
      fc.record({ isReady: fc.boolean(), sinceMs: ageOf.map((age) => nowMs - age) }),
      { nil: undefined, freq: 9 },
    ),
    startedAtMs: fc.option(
      ageOf.map((age) => nowMs - age),
      { nil: undefined, freq: 9 },
    ),
    sample: fc.option(
      fc.record({
        milli: fc.nat(400),
        atMs: ageOf.map((age) => nowMs - age),
        windowMs: fc.constantFrom(0, 30_000),
      }),
      { nil: undefined, freq: 5 },
    ),
  })
  return fc
    .array(replica, { minLength: wanted, maxLength: wanted + 2 })
    .map((list) => list.map((one, index) => ({ ...one, id: `r${index}` })) as Reading['replicas'])
    .chain((replicas) =>
      fc.record({
        replicas: fc.constant(replicas),
        metrics: fc.array(metricOf(replicas), { maxLength: 3 }),
      }),
    )
}

function metricOf(replicas: Reading['replicas']): fc.Arbitrary<Metric> {
  const byReplica = new Map(
    replicas.flatMap(({ id, sample }) => (sample === undefined ? [] : [[id, sample] as const])),
  )
  const requests = new Map(replicas.map(({ id }, index) => [id, 100 + 50 * (index % 3)]))
  const gone = { state: 'missing', reason: 'gone' } as const
  const samples = fc.constantFrom({ state: 'known', byReplica } as const, gone)
  const total = fc.nat(2000).map((milli) => ({ state: 'known', milli }) as const)
  const base = { name: fc.constantFrom('a', 'b') }
  return fc.oneof(
    fc.record({
      ...base,
      kind: fc.constant('utilization' as const),
      resource: fc.constantFrom('cpu', 'memory'),
      requests: fc.constant(requests),
      targetPercent: fc.integer({ min: 10, max: 250 }),
      samples,
    }),
    fc.record({
      ...base,
      kind: fc.constant('average' as const),
      resource: fc.constantFrom('cpu', undefined),
      targetMilli: fc.integer({ min: 20, max: 400 }),
      samples,
    }),
    fc.record({
      ...base,
      kind: fc.constantFrom('value' as const, 'shared' as const),
      targetMilli: fc.integer({ min: 20, max: 400 }),
      total: fc.oneof(total, fc.constant(gone)),
    }),
  )
}

test('it decides as the slow, obvious one, turn after turn', () => {
  const changes = { up: 0, down: 0 }
  fc.assert(
    fc.property(
      behaviorOf,
      fc.nat(3),
      fc.nat(12),
      fc.array(fc.tuple(fc.integer({ min: 1, max: 40_000 }), fc.nat(1e9)), { maxLength: 12 }),
      (behavior, min, span, turns) => {
        const ours: ScaleTerms = { ...terms, min, max: min + span, behavior }
        const reference = new Reference(ours)
        let history: Parameters<typeof decideScale>[3]
        let wanted = 3
        let nowMs = HOUR
        for (const [waitMs, seed] of turns) {
          nowMs += waitMs
          const [reading] = fc.sample(readingOf(nowMs, wanted), { seed, numRuns: 1 })
          const { replicas, metrics } = reading!
          const state = { wantedCount: wanted, presentCount: wanted, replicas }
          const turn = decideScale(ours, metrics, state, history, nowMs)
          const next = turn.decision.replicas
          assert.equal(next, reference.turn(wanted, metrics, replicas, nowMs))
          history = changeScale(ours, turn.history, wanted, next, nowMs)
          reference.changed(wanted, next, nowMs)
          if (next > wanted) changes.up++
          if (next < wanted) changes.down++
          assert.ok(next <= ours.max || next < wanted)
          wanted = next
        }
      },
    ),
    { numRuns: 400 },
  )
  assert.ok(
    changes.up > 50 && changes.down > 50,
    `both directions were seen: ${JSON.stringify(changes)}`,
  )
})

test('history is bounded by its windows', () => {
  let history: Parameters<typeof decideScale>[3]
  const state = { wantedCount: 3, presentCount: 3, replicas: [] }
  for (let nowMs = 0; nowMs < 1_000_000; nowMs += 1000)
    history = decideScale(terms, [shared('a', 3)], state, history, nowMs).history
  assert.equal(history?.recommendations.length, 300)
})
