import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPickContext } from './balancer.ts'
import { candidateOf, createRandom, type BalancerName } from './balancing.contract.ts'
import { balancers } from './balancing.ts'
import type { Candidate } from './candidate.ts'

interface Flight {
  readonly candidate: Candidate
  readonly startMs: number
  readonly endMs: number
}

/** Requests at a fixed rate to instances that take `latencyMs` of their own, on a clock of one step a millisecond. */
function simulate(
  name: BalancerName,
  latencyMs: readonly number[],
): { p99Ms: number; counts: number[] } {
  const random = createRandom(3)
  const candidates = latencyMs.map((_, i) => candidateOf(`i${i}`))
  const balancer = balancers[name]<Candidate>()
  for (const one of candidates) balancer.add(one)
  const context = createPickContext<Candidate>(random)
  let flights: Flight[] = []
  const latencies: number[] = []
  const counts = latencyMs.map(() => 0)
  for (let nowMs = 0; nowMs < 40_000; nowMs++) {
    for (const flight of flights.filter(({ endMs }) => endMs === nowMs)) {
      flight.candidate.inFlight--
      latencies.push(nowMs - flight.startMs)
      balancer.observe(flight.candidate, nowMs - flight.startMs, nowMs, true)
    }
    flights = flights.filter(({ endMs }) => endMs > nowMs)
    if (random() >= 0.25) continue
    context.nowMs = nowMs
    const candidate = balancer.pick(context)!
    const index = candidates.indexOf(candidate)
    candidate.inFlight++
    counts[index]!++
    const tookMs = Math.ceil(latencyMs[index]! * (0.5 + random()))
    flights.push({ candidate, startMs: nowMs, endMs: nowMs + tookMs })
  }
  return {
    p99Ms: latencies.toSorted((a, b) => a - b)[Math.floor(latencies.length * 0.99)]!,
    counts,
  }
}

test('with one slow instance of four peak ewma keeps p99 near the fast ones', () => {
  const latencyMs = [10, 10, 10, 500]
  const roundRobin = simulate('round-robin', latencyMs)
  const peakEwma = simulate('peak-ewma', latencyMs)
  assert.ok(roundRobin.p99Ms > 400, `round robin ${roundRobin.p99Ms} ms`)
  assert.ok(peakEwma.p99Ms < 30, `peak ewma ${peakEwma.p99Ms} ms`)
  assert.ok(peakEwma.counts[3]! > 0, 'the slow one is still asked now and then')
})

test('with equal instances peak ewma spreads evenly', () => {
  const { counts } = simulate('peak-ewma', [10, 10, 10, 10])
  const fair = counts.reduce((sum, count) => sum + count, 0) / 4
  for (const count of counts) assert.ok(Math.abs(count - fair) < 0.2 * fair, counts.join(' '))
})
