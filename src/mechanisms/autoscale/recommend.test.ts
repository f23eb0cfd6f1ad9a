import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_READING_TERMS, type Metric, type Replica, type Sample } from './metrics.ts'
import { type Recommendation, recommendReplicas } from './recommend.ts'

const NOW_MS = 3_600_000
const ready: Omit<Replica, 'id'> = {
  phase: 'running',
  isLeaving: false,
  readiness: { isReady: true, sinceMs: 10_000 },
  startedAtMs: 5000,
}

interface Case {
  readonly wanted?: number
  /** What each replica measured; undefined: nothing. */
  readonly milli?: readonly (number | undefined)[]
  readonly replicas?: readonly Partial<Replica>[]
  readonly metric: Partial<Metric> & { readonly kind: Metric['kind'] }
  readonly total?: number
}

function sample(milli: number): Sample {
  return { milli, atMs: NOW_MS - 1000, windowMs: 60_000 }
}

function recommend({ milli = [], replicas, metric, total = 0, ...rest }: Case): Recommendation {
  const present = (replicas ?? milli.map(() => ({}))).map((one, index): Replica => ({
    ...ready,
    id: `r${index}`,
    ...one,
  }))
  const measured = milli.flatMap((one, index) =>
    one === undefined ? [] : ([[`r${index}`, sample(one)]] as const),
  )
  const whole: object = {
    name: 'm',
    resource: metric.kind === 'utilization' ? 'cpu' : undefined,
    requests: new Map(present.map(({ id }) => [id, 1000])),
    samples: { state: 'known', byReplica: new Map(measured) },
    total: { state: 'known', milli: total },
    ...metric,
  }
  const wantedCount = rest.wanted ?? present.length
  const state = { wantedCount, presentCount: wantedCount, replicas: present }
  return recommendReplicas(whole as Metric, state, DEFAULT_READING_TERMS, NOW_MS)
}

function countOf(one: Case): number | string {
  const got = recommend(one)
  return got.state === 'usable' ? got.replicas : got.reason
}

const average = (targetMilli: number) => ({ kind: 'average', targetMilli }) as const
const percent = (targetPercent: number) => ({ kind: 'utilization', targetPercent }) as const
const pending = { phase: 'pending', readiness: undefined } as const

/** kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale: "Algorithm details", restated. */
const DOCUMENTED: readonly (readonly [string, Case, number])[] = [
  ['200m against 100m doubles', { milli: [200, 200, 200], metric: average(100) }, 6],
  ['50m against 100m halves', { milli: [50, 50, 50, 50], metric: average(100) }, 2],
  ['1.1 is within the tolerance', { milli: [110, 110, 110], metric: average(100) }, 3],
  ['so is 0.9', { milli: [90, 90, 90], metric: average(100) }, 3],
  ['1.11 is not', { milli: [111, 111, 111], metric: average(100) }, 4],
  ['the mean counts, whoever makes it', { milli: [700, 100, 100], metric: average(100) }, 9],
  [
    'leaving and failed replicas are ignored',
    {
      milli: [300, 300, undefined, undefined],
      replicas: [{}, {}, { isLeaving: true }, { phase: 'failed' }],
      metric: average(100),
    },
    6,
  ],
  [
    'missing count as nothing for more',
    { milli: [400, 400, undefined, undefined], metric: average(100) },
    8,
  ],
  [
    'missing count as the target for fewer',
    { milli: [20, 20, undefined, undefined], metric: average(100) },
    3,
  ],
  [
    'missing may not turn more into fewer',
    { milli: [150, undefined, undefined], metric: average(100) },
    3,
  ],
  [
    'missing may bring it within the tolerance',
    { milli: [80, undefined, undefined], metric: average(100) },
    3,
  ],
  [
    'cpu: one that is not ready yet counts as nothing for more',
    {
      milli: [900, 900, 900],
      replicas: [
        {},
        {},
        { readiness: { isReady: false, sinceMs: NOW_MS - 1000 }, startedAtMs: NOW_MS - 2000 },
      ],
      metric: percent(50),
    },
    4,
  ],
  [
    'cpu: and not at all for fewer',
    {
      milli: [200, 200, 900],
      replicas: [{}, {}, { readiness: undefined, startedAtMs: NOW_MS - 2000 }],
      metric: percent(50),
    },
    1,
  ],
  [
    'cpu: a sample from before it was ready does not count',
    {
      milli: [900, 900, 900],
      replicas: [
        {},
        {},
        { readiness: { isReady: true, sinceMs: NOW_MS - 30_000 }, startedAtMs: NOW_MS - 60_000 },
      ],
      metric: percent(50),
    },
    4,
  ],
  [
    'cpu: ready once, unready later: it counts',
    {
      milli: [900, 900, 900],
      replicas: [{}, {}, { readiness: { isReady: false, sinceMs: NOW_MS - 1000 } }],
      metric: percent(50),
    },
    6,
  ],
  [
    'cpu: unready since 30 s after its start: never ready',
    {
      milli: [900, 900, 900],
      replicas: [{}, {}, { readiness: { isReady: false, sinceMs: 34_999 } }],
      metric: percent(50),
    },
    4,
  ],
  [
    'another measure takes those that are not ready as they are',
    {
      milli: [900, 900, 900],
      replicas: [{}, {}, { readiness: { isReady: false, sinceMs: NOW_MS }, startedAtMs: NOW_MS }],
      metric: average(450),
    },
    6,
  ],
  [
    'pending ones count as nothing for more, whatever is measured',
    { milli: [900, 900, undefined], replicas: [{}, {}, pending], metric: average(450) },
    4,
  ],
]

test('the documented cases of samples', () => {
  for (const [name, one, expected] of DOCUMENTED) assert.equal(countOf(one), expected, name)
})

test('published figures: the walkthrough, the tolerance blog', () => {
  // kubernetes.io/docs/.../horizontal-pod-autoscale-walkthrough: 305 % against 50 % makes 1 into 7; 0 % against 50 % makes 7 into nothing (min holds 1).
  assert.equal(countOf({ milli: [3050], metric: percent(50) }), 7)
  assert.equal(countOf({ milli: [0, 0, 0, 0, 0, 0, 0], metric: percent(50) }), 0)
  // kubernetes.io/blog/2025/04/28/kubernetes-v1-33-hpa-configurable-tolerance: 50 replicas at 90 % against 75 % become 60.
  const fifty = Array.from({ length: 50 }, () => 900)
  assert.equal(countOf({ milli: fifty, metric: percent(75) }), 60)
})

test('a target above 100 % takes missing ones as on target, not as on request', () => {
  const got = recommend({ milli: [1000, undefined], metric: percent(200) })
  assert.ok(got.state === 'usable')
  assert.deepEqual([got.ratio, got.countedRatio, got.replicas], [0.5, 0.75, 2])
})

test('what is shown leaves out missing and unready ones, and says that they were there', () => {
  const replicas = [{}, {}, {}, pending]
  const got = recommend({ milli: [400, 400, undefined, undefined], replicas, metric: average(100) })
  assert.deepEqual(got, {
    state: 'usable',
    name: 'm',
    replicas: 8,
    current: 400,
    target: 100,
    ratio: 4,
    countedRatio: 2,
    missingCount: 1,
    ignoredCount: 1,
    kept: undefined,
  })
})

test('whole percent and whole thousandths, cut as in Kubernetes', () => {
  // 100 of 300 are 33 %, not a third: 33 / 50 x 3 = 1.98.
  assert.equal(countOf({ milli: [100, 100, 100], metric: { ...percent(50) } }), 1)
  const got = recommend({ milli: [10, 10, 11], metric: average(100) })
  assert.ok(got.state === 'usable')
  assert.equal(got.current, 10)
})

test('totals: one number, compared or shared', () => {
  const value = { kind: 'value', targetMilli: 100 } as const
  const shared = { kind: 'shared', targetMilli: 100 } as const
  const three = [{}, {}, {}]
  assert.equal(countOf({ total: 200, replicas: three, metric: value }), 6)
  assert.equal(countOf({ total: 110, replicas: three, metric: value }), 3)
  assert.equal(countOf({ total: 200, replicas: [{}, {}, pending], metric: value }), 4, 'ready')
  assert.equal(countOf({ total: 900, replicas: three, metric: shared }), 9)
  assert.equal(countOf({ total: 330, replicas: three, metric: shared }), 3, 'tolerance')
  assert.equal(countOf({ total: 331, replicas: three, metric: shared }), 4)
  assert.equal(countOf({ total: 20, replicas: three, metric: shared }), 1)
  assert.equal(countOf({ total: 0, replicas: three, metric: shared }), 0)
})

test('from zero a total wakes, without tolerance', () => {
  const at = (kind: 'value' | 'shared', total: number) =>
    countOf({ total, wanted: 0, replicas: [], metric: { kind, targetMilli: 100 } })
  assert.deepEqual([at('value', 0), at('value', 1), at('value', 101)], [0, 1, 2])
  assert.deepEqual([at('shared', 0), at('shared', 1), at('shared', 250)], [0, 1, 3])
})

test('what cannot be used says why', () => {
  const cases: readonly (readonly [Case, RegExp])[] = [
    [{ milli: [], metric: average(1) }, /no replicas/],
    [{ milli: [undefined], metric: average(1) }, /nothing was measured/],
    [{ milli: [5], replicas: [pending], metric: average(1) }, /nothing was measured/],
    [{ milli: [5], metric: average(0) }, /not a number, or the target is 0/],
    [{ milli: [NaN], metric: average(1) }, /not a number/],
    [
      { milli: [1], metric: { ...percent(50), requests: new Map() } },
      /'r0' has no request for cpu/,
    ],
    [
      { milli: [1], metric: { ...percent(50), requests: new Map([['r0', 0]]) } },
      /no known replica/,
    ],
    [{ total: Infinity, replicas: [{}], metric: { kind: 'value', targetMilli: 1 } }, /a number/],
    [{ total: 1, replicas: [{}], metric: { kind: 'shared', targetMilli: 0 } }, /target is 0/],
    [{ total: 1, wanted: 1, replicas: [], metric: { kind: 'value', targetMilli: 9 } }, /no repl/],
    [
      { milli: [1], metric: { ...average(1), samples: { state: 'missing', reason: 'gone' } } },
      /^gone$/,
    ],
    [
      { metric: { kind: 'shared', targetMilli: 1, total: { state: 'missing', reason: 'late' } } },
      /^late$/,
    ],
  ]
  for (const [one, expected] of cases) assert.match(String(countOf(one)), expected)
})
