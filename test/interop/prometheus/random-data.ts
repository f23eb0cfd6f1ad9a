import { labelsOf } from '../../../src/mechanisms/labels/labels.ts'
import { MemoryStore } from '../../../src/mechanisms/promql/testing/memory-store.ts'

/** The first time of the data, in milliseconds. */
export const startMs = 1_600_000_000_000
/** How many samples a series has at most, and how far they are apart. */
export const sampleCount = 240
/** Milliseconds between two samples. */
export const intervalMs = 15_000

/** Random series, in a store of ours and as an exposition for Prometheus. */
export interface RandomData {
  readonly store: MemoryStore
  readonly exposition: string
}

const bounds = ['0.1', '0.5', '1', '5', '+Inf']

/**
 * Counters with resets, gauges with gaps and odd values, classic histograms. Samples lie 7 ms beside the seconds, so that none lies on
 * the bound of a range: there 2.x and 3.x differ.
 */
export function createRandomData(seed: number): RandomData {
  const random = createRandom(seed)
  const store = new MemoryStore()
  const lines: string[] = []
  const write = (
    name: string,
    labels: Readonly<Record<string, string>>,
    values: readonly (number | undefined)[],
  ) => {
    const all = labelsOf([['__name__', name], ...Object.entries(labels)])
    const text = Object.entries(labels).map(([key, value]) => `${key}="${value}"`)
    for (const [index, value] of values.entries()) {
      if (value === undefined) continue
      const time = startMs + index * intervalMs + 7
      store.add(all, time, value)
      lines.push(`${name}{${text.join(',')}} ${exposed(value)} ${time / 1_000}`)
    }
  }
  for (const job of ['api', 'web']) {
    for (let instance = 0; instance < 4; instance++) {
      const labels = { job, instance: `i${instance}` }
      write('requests_total', labels, counter(random))
      write('temperature', { ...labels, zone: `z${instance % 2}` }, gauge(random))
      if (instance < 2) write('odd', labels, odd(random))
      writeHistogram(random, (le, values) => write('latency_bucket', { ...labels, le }, values))
    }
  }
  return { store, exposition: `${lines.join('\n')}\n# EOF\n` }
}

/** Numbers from 0 to below 1 (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Far from zero: 2.x and 3.x follow a counter back to zero in different ways. */
function counter(random: () => number): (number | undefined)[] {
  let value = 1e6 + random() * 1e5
  return steps(() => {
    value += Math.floor(random() * 50)
    if (random() < 0.02) value = Math.floor(value * 0.6)
    return random() < 0.05 ? undefined : value
  })
}

function gauge(random: () => number): (number | undefined)[] {
  const gap = Math.floor(random() * sampleCount)
  let value = random() * 40 - 10
  return steps((index) => {
    value += random() * 2 - 1
    return index > gap && index < gap + 30 ? undefined : Number(value.toFixed(3))
  })
}

function odd(random: () => number): (number | undefined)[] {
  const values = [0, -0, 1, -1, Infinity, -Infinity, NaN, 1e300, -1e300, 1e-300, 3.5]
  return steps(() => values[Math.floor(random() * values.length)])
}

function writeHistogram(
  random: () => number,
  write: (le: string, values: (number | undefined)[]) => void,
): void {
  const totals = bounds.map(() => 1e5)
  const rows = steps(() => {
    let added = 0
    return bounds.map((_, index) => {
      added += Math.floor(random() * 10)
      totals[index]! += added
      return totals[index]!
    })
  })
  for (const [index, le] of bounds.entries())
    write(
      le,
      rows.map((row) => row?.[index]),
    )
}

function steps<T>(make: (index: number) => T): T[] {
  return Array.from({ length: sampleCount }, (_, index) => make(index))
}

function exposed(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  return Object.is(value, -0) ? '-0' : String(value)
}
