import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CpuReadings, type InstanceCounters, TrafficReadings } from './readings.ts'

const BOUNDS_MS = [10, 100, 1000]

function counters(id: string, requests: number, inFlight = 0, slow = 0): InstanceCounters {
  return { id, requests, inFlight, latencyCounts: [requests - slow, 0, slow, 0] }
}

test('rates over five seconds, whatever there was before', () => {
  const readings = new TrafficReadings()
  assert.match(reasonOf(readings.requestsPerSecond(0)), /nothing yet/)
  readings.observe([counters('a', 5000)], 0)
  assert.match(reasonOf(readings.requestsPerSecond(0)), /first time/)
  readings.observe([counters('a', 5100)], 1000)
  assert.deepEqual(readings.requestsPerSecond(1000), { state: 'known', value: 100 })
  for (let s = 2; s <= 10; s++) readings.observe([counters('a', 5100 + (s - 1) * 300)], s * 1000)
  assert.deepEqual(readings.requestsPerSecond(10_000), { state: 'known', value: 300 })
})

test('a new instance counts from nothing, one that is gone takes nothing away, one that began anew neither', () => {
  const readings = new TrafficReadings()
  readings.observe([counters('a', 1000), counters('b', 1000)], 0)
  readings.observe([counters('a', 1050), counters('c', 50)], 1000)
  assert.deepEqual(readings.requestsPerSecond(1000), { state: 'known', value: 100 })
  // The data plane began anew.
  readings.observe([counters('a', 60), counters('c', 40)], 2000)
  assert.deepEqual(readings.requestsPerSecond(2000), { state: 'known', value: 100 })
  readings.observe([], 3000)
  assert.deepEqual(readings.requestsPerSecond(3000), { state: 'known', value: 200 / 3 })
})

test('what is silent for more than three seconds has no value', () => {
  const readings = new TrafficReadings()
  readings.observe([], 0)
  readings.observe([], 1000)
  assert.equal(readings.requestsPerSecond(4000).state, 'known')
  assert.match(reasonOf(readings.requestsPerSecond(5000)), /nothing for 4 s/)
  assert.match(reasonOf(readings.latencyMs(0.95, BOUNDS_MS, 5000)), /nothing for 4 s/)
})

test('concurrency is the mean, latency is a quantile of the window', () => {
  const readings = new TrafficReadings()
  readings.observe([counters('a', 0, 2)], 0)
  readings.observe([counters('a', 100, 4, 10)], 1000)
  assert.deepEqual(readings.concurrency(1000), { state: 'known', value: 3 })
  assert.deepEqual(readings.latencyMs(0.9, BOUNDS_MS, 1000), { state: 'known', value: 10 })
  assert.deepEqual(readings.latencyMs(0.95, BOUNDS_MS, 1000), { state: 'known', value: 550 })
  assert.match(reasonOf(new TrafficReadings().latencyMs(0.9, BOUNDS_MS, 0)), /nothing yet/)
  readings.observe([counters('a', 100, 0, 10)], 7000)
  readings.observe([counters('a', 100, 0, 10)], 8000)
  assert.deepEqual(readings.latencyMs(0.9, BOUNDS_MS, 8000), { state: 'known', value: 0 })
})

test('above the last bound it is the last bound', () => {
  const readings = new TrafficReadings()
  readings.observe([], 0)
  readings.observe([{ id: 'a', requests: 3, inFlight: 0, latencyCounts: [0, 0, 0, 3] }], 1000)
  assert.deepEqual(readings.latencyMs(0.5, BOUNDS_MS, 1000), { state: 'known', value: 1000 })
})

test('processor time is measured over four seconds at least, and begins anew with the process', () => {
  const readings = new CpuReadings()
  const seen = (atMs: number, cpuSeconds: number) => {
    readings.observe([{ id: 'a', cpuSeconds }], atMs)
    return readings.samples().get('a')
  }
  assert.equal(seen(0, 10), undefined)
  assert.equal(seen(3000, 12), undefined)
  assert.deepEqual(seen(4000, 13), { milli: 750, atMs: 4000, windowMs: 4000 })
  assert.equal(seen(5000, 1), undefined, 'another process')
  readings.observe([], 6000)
  assert.equal(readings.samples().size, 0)
})

function reasonOf(reading: { state: string; reason?: string }): string {
  return reading.reason ?? reading.state
}
