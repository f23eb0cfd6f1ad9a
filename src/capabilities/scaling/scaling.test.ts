import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Scope } from '../../platform/capability.ts'
import { noListeners } from '../../platform/listeners/testing/none.ts'
import { systemClock } from '../../platform/clock.ts'
import type { InstanceTotals } from '../../contracts/snapshot.ts'
import { settingsSchema } from '../../settings.ts'
import { configOf, running, startHouse, statusOf } from '../processes/testdata/house.ts'
import { startScaling } from './scaling.ts'
import { scalingConfig } from './settings.ts'

const web = {
  run: 'node web.js',
  instances: { min: 1, max: 4 },
  scale: { target: { concurrency: 2 }, every: '1s', down: { stabilization: '3s' } },
}

/** Time that the test moves, second by second. */
function createSeconds() {
  let nowMs = 0
  const ticks: (() => void)[] = []
  const clock = {
    ...systemClock,
    monotonicMs: () => nowMs,
    every: (_intervalMs: number, callback: () => void) => {
      ticks.push(callback)
      return () => {}
    },
  }
  return {
    clock,
    second() {
      nowMs += 1000
      for (const tick of ticks) tick()
    },
  }
}

async function startWorld(t: Parameters<typeof startHouse>[0]) {
  const house = await startHouse(t, configOf({ web }))
  house.processes.begin(configOf({ web }))
  const time = createSeconds()
  const told: (() => void)[] = []
  let inFlight = 0
  const scope: Scope = {
    name: 'scaling',
    clock: time.clock,
    random: () => 0,
    log: () => {},
    listeners: noListeners,
    stopping: new AbortController().signal,
    onStop: () => {},
  }
  const services = settingsSchema.parse({ services: { web } }).services
  const part = startScaling(
    scalingConfig(services),
    {
      processes: house.part.api,
      discovery: house.registry.need,
      timeline: { note: () => {} },
      totals: {
        onTotals: (listener) => void told.push(() => listener({} as never)),
        instances: () => {
          const none = { service: 'web', id: 'web-1', statuses: [0], latencyCounts: [] }
          return [{ ...none, inFlight } as unknown as InstanceTotals].values()
        },
      },
    },
    scope,
  )
  const target = () => house.part.api.service('web')!.wanted().target
  return {
    house,
    part,
    target,
    seconds(count: number, load: number | undefined) {
      for (let i = 0; i < count; i++) {
        if (load !== undefined) {
          inFlight = load
          for (const tell of told) tell()
        }
        time.second()
      }
    },
  }
}

function run(world: Awaited<ReturnType<typeof startWorld>>, ...ids: readonly string[]): void {
  for (const id of ids) {
    world.house.supervisor.says(id, running(4000 + Number(id.slice(4))))
    world.house.registry.passes(id)
  }
}

test('the supervised instances follow the load, and an override stands above', async (t) => {
  const world = await startWorld(t)
  run(world, 'web-1')
  world.seconds(3, 2)
  assert.equal(world.target(), 1)
  world.seconds(8, 6)
  assert.equal(world.target(), 3)
  run(world, 'web-2', 'web-3')
  await world.house.part.api.scale('web', 2)
  world.seconds(10, 8)
  assert.equal(world.target(), 2)
  assert.deepEqual(world.house.part.api.override('web')?.instances, 2)
  await world.house.part.api.clearOverride('web')
  assert.equal(world.target(), 3, 'what the scaler said last')
  world.seconds(8, 8)
  assert.equal(world.target(), 4)
})

test('data that stays away is a problem after a while, and nothing is changed meanwhile', async (t) => {
  const world = await startWorld(t)
  run(world, 'web-1')
  world.seconds(8, 6)
  run(world, 'web-2', 'web-3')
  world.seconds(17, undefined)
  const problems = () => [...(world.part.problems?.() ?? [])]
  assert.equal(problems().length, 0)
  world.seconds(6, undefined)
  const [problem] = problems()
  assert.deepEqual([problem?.code, problem?.service], ['ERR_SCALING_DATA_MISSING', 'web'])
  assert.match(problem?.text ?? '', /web stays at 3: .*; concurrency: no value: .* for \d+ s/)
  assert.equal(world.target(), 3)
  world.seconds(2, 6)
  assert.equal(problems().length, 0)
})

test('an instance that crashes again and again holds it', async (t) => {
  const world = await startWorld(t)
  run(world, 'web-1')
  world.seconds(8, 4)
  assert.equal(world.target(), 2)
  const exit = { code: 1, signal: null }
  const state = { state: 'crash-looping', startAtMs: 1, exit, lastLines: [] } as const
  world.house.supervisor.says('web-2', state)
  world.seconds(8, 8)
  assert.equal(world.target(), 2)
  run(world, 'web-2')
  world.seconds(8, 8)
  assert.equal(world.target(), 4)
})

test('a new control plane goes on where the former one was', async (t) => {
  const former = await startHouse(t, configOf({ web }))
  former.processes.begin(configOf({ web }))
  former.part.api.setScaled('web', 3)
  const found = [...former.supervisor.specs.values()].map((spec) => statusOf(spec, running(4001)))
  assert.equal(found.length, 3)
  const next = await startHouse(t, configOf({ web }), { found, routed: [] })
  next.processes.begin(configOf({ web }))
  assert.equal(next.part.api.service('web')?.wanted().target, 3)
  assert.ok(!(await next.told()).some((one) => one.startsWith('stop')))
  // Without `scale` in the file it is what the file says.
  const { scale: _scale, ...plain } = web
  next.processes.configure(configOf({ web: plain }))
  assert.equal(next.part.api.service('web')?.wanted().target, 1)
})
