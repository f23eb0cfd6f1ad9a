import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_BEHAVIOR } from '../../mechanisms/autoscale/behavior.ts'
import { DEFAULT_READING_TERMS } from '../../mechanisms/autoscale/metrics.ts'
import { explainTurn } from './explain.ts'
import type { ScaledService, ScaleSpec } from './scaled-service.ts'
import { ACTIONS_PER_MINUTE_MAX, ServiceScaler, type ScaleTurn } from './scaler.ts'

const none = {
  requestsPerSecond: undefined,
  concurrency: undefined,
  cpuPercent: undefined,
  latencies: [],
}
const calm = { ...DEFAULT_BEHAVIOR, down: { ...DEFAULT_BEHAVIOR.down, stabilizationMs: 3000 } }
const spec: ScaleSpec = {
  terms: { ...DEFAULT_READING_TERMS, min: 1, max: 8, behavior: calm },
  targets: { ...none, requestsPerSecond: 100 },
  everyMs: 1000,
}

/** A driver that does at once what it is told, and a gateway that spreads the load. */
class World {
  readonly scaler = new ServiceScaler([10, 100, 1000])
  nowMs = 0
  wanted = 1
  more: Partial<ScaledService> = {}
  #sent = 0
  #isSilent = false

  service(): ScaledService {
    const instances = Array.from({ length: this.wanted }, (_, index) => ({
      id: `s-${index + 1}`,
      phase: 'running' as const,
      isLeaving: false,
      isReady: true,
      cpuSeconds: 0,
    }))
    const base = { name: 's', override: 'none', isReplacing: false, isCrashing: false } as const
    return { ...base, wantedCount: this.wanted, instances, ...this.more }
  }

  silence(isSilent: boolean): void {
    this.#isSilent = isSilent
  }

  second(load: number, terms: ScaleSpec = spec): ScaleTurn {
    this.nowMs += 1000
    this.#sent += load
    const row = { id: 's-1', requests: this.#sent, inFlight: 0, latencyCounts: [this.#sent] }
    if (!this.#isSilent) this.scaler.observeTraffic([row], this.nowMs)
    const turn = this.scaler.decide(terms, this.service(), this.nowMs)
    this.wanted = turn.to
    this.scaler.changed(terms, turn, this.nowMs)
    return turn
  }

  seconds(count: number, load: number): readonly number[] {
    return Array.from({ length: count }, () => this.second(load).to)
  }
}

test('a step of load goes out within its window, comes back in after calm, and does not flap', () => {
  const world = new World()
  assert.deepEqual(new Set(world.seconds(10, 100)), new Set([1]))
  const out = world.seconds(20, 500)
  assert.equal(out.findIndex((one) => one === 5) < 6, true, out.join())
  assert.deepEqual(
    out,
    out.toSorted((a, b) => a - b),
    'only up',
  )
  const calmed = world.seconds(30, 100)
  assert.equal(calmed.at(-1), 1)
  assert.deepEqual(
    calmed,
    calmed.toSorted((a, b) => b - a),
    'only down',
  )
})

test('it holds while its data is missing, and says so', () => {
  const world = new World()
  world.seconds(8, 400)
  assert.equal(world.wanted, 4)
  world.silence(true)
  const turns = Array.from({ length: 30 }, () => world.second(0))
  assert.equal(world.wanted, 4)
  assert.deepEqual(explainTurn('s', turns.at(-1)!), [
    's stays at 4: a metric has no value, and nothing is taken away then',
    '  requests: no value: the data plane has said nothing for 30 s',
  ])
})

test('an operator stands above it; a rollout and a crash loop hold it', () => {
  const world = new World()
  world.seconds(3, 100)
  const hold = (more: Partial<ScaledService>) => {
    world.more = more
    const turn = world.second(600)
    assert.equal(turn.to, 1)
    return turn.hold
  }
  assert.match(String(hold({ override: 'scaled' })), /an operator has scaled it to 1/)
  assert.match(String(hold({ override: 'stopped' })), /stopped/)
  assert.match(String(hold({ isReplacing: true })), /new version/)
  assert.match(String(hold({ isCrashing: true })), /crash/)
  world.more = {}
  assert.ok(world.second(600).to > 1)
})

test('bounds of the file hold also while it is held', () => {
  const world = new World()
  world.wanted = 12
  world.more = { isReplacing: true }
  const turn = world.second(0)
  assert.deepEqual([turn.to, turn.hold], [8, undefined])
  assert.deepEqual(explainTurn('s', turn), ['s goes from 12 to 8: instances.max is 8'])
})

test('nothing runs away: a limit of changes a minute, whatever the policies say', () => {
  const policies = [{ unit: 'percent', value: 900, periodMs: 1000 }] as const
  const wild = { stabilizationMs: 0, select: 'max', policies } as const
  const terms = { ...spec.terms, behavior: { up: wild, down: wild } }
  const world = new World()
  let changes = 0
  const turns = Array.from({ length: 58 }, (_, second) => {
    const before = world.wanted
    const turn = world.second(second % 12 < 6 ? 700 : 1, { ...spec, terms })
    if (before !== world.wanted) changes++
    return turn
  })
  assert.equal(changes, ACTIONS_PER_MINUTE_MAX)
  assert.ok(turns.some((one) => /changed 20 times/.test(one.hold ?? '')))
})

test('cpu: an instance that has just started does not count, and the others are not taken for it', () => {
  const world = new World()
  const targets = { ...none, cpuPercent: 50 }
  const cpu = { ...spec, targets }
  let seconds = 0
  const instances = () =>
    ['a', 'b'].map((id) => ({
      id,
      phase: 'running' as const,
      isLeaving: false,
      isReady: id === 'a' || seconds > 20,
      cpuSeconds: seconds * 0.8,
    }))
  world.wanted = 2
  let last: ScaleTurn | undefined
  for (; seconds < 12; seconds++) {
    world.more = { instances: instances() }
    last = world.second(0, cpu)
  }
  // 80 % of the one that counts, nothing of the one that starts: 40 % of two asks for no more.
  assert.deepEqual(explainTurn('s', last!), [
    's stays at 2: cpu asks for 2',
    '  cpu: 80 % of 50 %, asks for 2 (1 not ready, those that are not measured might turn it round)',
  ])
})

test('it explains what limited it', () => {
  const world = new World()
  world.seconds(3, 100)
  const texts = Array.from({ length: 6 }, () => explainTurn('s', world.second(5000))[0])
  assert.match(
    texts[0]!,
    /^s goes from 1 to 5: requests asks for \d+; not faster, by its policies$/,
  )
  assert.match(texts.at(-1)!, /^s stays at 5: requests asks for \d+; not faster, by its policies$/)
})
