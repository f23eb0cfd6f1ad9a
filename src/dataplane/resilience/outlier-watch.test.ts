import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServiceSpec } from '../../contracts/snapshot.ts'
import { isEjected } from '../../mechanisms/ejection/ejection.ts'
import { recordAt } from '../shared/resilience-memory.ts'
import { createCountMemory, openKeyedCounts } from '../shared/counts.ts'
import { instanceSpec, serviceSpec } from '../testing/specs.ts'
import { createInstance, type Instance } from '../upstream/instance.ts'
import { createPermits } from '../upstream/permits.ts'
import { Service } from '../upstream/service.ts'
import { type Happened, judgeService, noteFailure, noteLatency } from './outlier-watch.ts'

const outliers = {
  latencyFactor: 3,
  latencyFloorMs: 10,
  failureRatio: 0.5,
  localFailureRatio: 0.5,
  callsMin: 5,
}

const learnt = recordAt(new SharedArrayBuffer(0), -1)

function house(change: Partial<ServiceSpec> = { outliers }, sinceMs = -Infinity) {
  const counts = openKeyedCounts(createCountMemory(1, 4), 0)
  const permits = createPermits(counts, -1, 10)
  const service = new Service<never>(serviceSpec(change), permits, learnt, () => {})
  const instances = Array.from({ length: 5 }, (_, i) => {
    const one = createInstance(
      service,
      instanceSpec(i, { id: `echo-${i}` }),
      sinceMs,
      permits,
      learnt,
    )
    service.instances.set(one.id, one)
    service.balancer.add(one)
    return one
  })
  const told: Happened[] = []
  return {
    service,
    instances,
    told,
    judge: (nowMs: number) => judgeService(service, nowMs, (_instance, one) => told.push(one)),
  }
}

function answer(service: Service<never>, instance: Instance, latencyMs: number, nowMs: number) {
  for (let i = 0; i < 6; i++) noteLatency(service.spec, instance, latencyMs, nowMs)
}

test('the slow one of five is left out, longer each time, and comes back when it is well', () => {
  const { service, instances, told, judge } = house()
  const slow = instances[3]!
  let nowMs = 100_000
  for (const forMs of [500, 1000, 2000]) {
    for (const one of instances) answer(service, one, one === slow ? 100 : 10, nowMs)
    judge(nowMs)
    assert.equal(told.at(-1)?.instance, slow.id)
    assert.equal(slow.ejectedUntilMs - nowMs, forMs)
    // What was sent before comes in still.
    answer(service, slow, 100, nowMs + 1)
    nowMs = slow.ejectedUntilMs
  }
  assert.match(
    told[0]!.because,
    /^for 0.5 s: half of its answers take 1\d\d\.\d ms and more, those of the others 1\d\.\d ms$/,
  )
  for (const one of instances) answer(service, one, 10, nowMs)
  judge(nowMs)
  assert.equal(told.length, 3)
  assert.equal(isEjected(slow, nowMs), false)
})

test('who gives no answers is told from who fails; never more than the share', () => {
  const { service, instances, told, judge } = house()
  for (const [i, one] of instances.entries()) {
    answer(service, one, 10, 0)
    for (let n = 0; n < 9 && i > 2; n++) noteFailure(service.spec, one, i === 3, 0)
  }
  judge(0)
  assert.deepEqual(
    told.map(({ instance }) => instance),
    ['echo-3', 'echo-4'],
  )
  assert.match(
    told[0]!.because,
    /^for [\d.]+ s: 60 % of the requests to it get no answer, and 0 % of those/,
  )
})

test('nobody is judged where that is not asked for, nor one that has just joined', () => {
  const off = house({})
  answer(off.service, off.instances[0]!, 1000, 0)
  off.judge(0)
  assert.equal(off.instances[0]!.outliers, undefined)
  const young = house({ outliers }, 95_000)
  for (const one of young.instances)
    answer(young.service, one, one.id === 'echo-0' ? 1000 : 1, 100_000)
  young.judge(100_000)
  assert.deepEqual(young.told, [])
})
