import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BreakerSpec } from '../../contracts/resilience.ts'
import { Breaker } from '../../mechanisms/breaker/breaker.ts'
import { OUTCOME } from '../../mechanisms/breaker/breaker-policy.ts'
import { systemClock } from '../../platform/clock.ts'
import { createResilienceMemory, forgetRecord, recordAt } from '../shared/resilience-memory.ts'
import { instanceSpec, serviceSpec } from '../testing/specs.ts'
import { BreakerWatch } from './breaker-watch.ts'
import { breakerOfInstance, breakerOfService } from './breakers.ts'

const spec: BreakerSpec = {
  scope: 'both',
  order: 'auto',
  failureRatio: 0.5,
  slowRatio: 2,
  slowMs: 1_000,
  statuses: [503],
  callsMin: 2,
  window: { kind: 'count', size: 10 },
  openMs: 1_000,
  openMsMax: 1_000,
  probes: 1,
}

function house() {
  const memory = createResilienceMemory(8)
  let nowMs = 5_000
  const clock = { ...systemClock, nowMs: () => 1_000_000 + nowMs, monotonicMs: () => nowMs }
  const watch = new BreakerWatch(memory, clock)
  const placeOf = (_service: string, id?: string): number => (id === undefined ? 2 : 3)
  watch.apply([{ op: 'service', service: serviceSpec({ breaker: spec }) }], placeOf)
  watch.apply([{ op: 'instance', instance: instanceSpec(80, { id: 'echo-1' }) }], placeOf)
  return { memory, watch, placeOf, pass: (ms: number) => (nowMs += ms) }
}

function fail(breaker: Breaker, nowMs: number): void {
  for (let i = 0; i < 2; i++) breaker.report(breaker.acquire(nowMs), OUTCOME.failed, nowMs)
}

test('what another thread did to the memory is told once, with its reason and in Unix time', () => {
  const { memory, watch, pass } = house()
  assert.deepEqual(watch.look(), [])
  const first = watch.take()!
  assert.deepEqual(
    first.breakers.map(({ instance, state }) => [instance, state]),
    [
      ['', 'closed'],
      ['echo-1', 'closed'],
    ],
  )
  assert.equal(watch.take(), undefined)
  fail(breakerOfService(spec, null, recordAt(memory, 2))!, 5_000)
  assert.deepEqual(
    watch.look().map(({ kind, instance }) => [kind, instance]),
    [['opened', '']],
  )
  const { breakers, events } = watch.take()!
  assert.equal(breakers.length, 1)
  assert.equal(breakers[0]!.openUntilMs, 1_006_000)
  assert.match(breakers[0]!.because, /2 of 2 calls failed/)
  assert.equal(events.length, 1)
  assert.equal(watch.look().length, 0)
  pass(1_000)
  const again = new Breaker(
    { ...spec, mode: 'auto', probeLeaseMs: 1_000 },
    memory,
    recordAt(memory, 2).start,
  )
  again.report(again.acquire(6_000), OUTCOME.ok, 6_000)
  assert.deepEqual(
    watch.look().map(({ kind }) => kind),
    ['closed'],
  )
})

test('one that is gone is told as gone; after a restart of control all are told again', () => {
  const { memory, watch, placeOf } = house()
  watch.look()
  watch.take()
  fail(breakerOfInstance(spec, null, recordAt(memory, 3))!, 5_000)
  watch.apply([{ op: 'instance-gone', service: 'echo', id: 'echo-1' }], placeOf)
  assert.deepEqual(
    watch.take()!.breakers.map(({ instance, period }) => [instance, period]),
    [['echo-1', -1]],
  )
  forgetRecord(memory, 3)
  watch.apply([{ op: 'instance', instance: instanceSpec(80, { id: 'echo-2' }) }], placeOf)
  watch.look()
  watch.restart()
  const { reset, breakers } = watch.take()!
  assert.equal(reset, true)
  assert.deepEqual(
    breakers.map(({ instance, state }) => [instance, state]),
    [
      ['echo-2', 'closed'],
      ['', 'closed'],
    ],
  )
  watch.apply([{ op: 'service-gone', service: 'echo' }], placeOf)
  assert.deepEqual(
    watch.take()!.breakers.map(({ period }) => period),
    [-1, -1],
  )
})

test('places beyond the memory are private, and never mixed up', () => {
  const memory = createResilienceMemory(2)
  assert.notEqual(recordAt(memory, 2).memory, memory)
  assert.notEqual(recordAt(memory, -1).memory, memory)
  assert.equal(recordAt(memory, 1).memory, memory)
  forgetRecord(memory, -1)
  forgetRecord(memory, 9)
})
