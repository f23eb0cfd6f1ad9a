/** Series as real services have them, made from a seed: the same in every run. */

/** What there is; the shares of a real target are near to these. */
export const SERIES_KINDS = [
  'constant',
  'up',
  'counter, steady',
  'counter, bursts',
  'counter, idle',
  'bucket of a histogram',
  'sum of seconds',
  'gauge, small whole numbers',
  'gauge, bytes',
  'gauge, a share',
] as const

/** Times and values of one series. */
export interface SampledSeries {
  readonly times: Float64Array
  readonly values: Float64Array
}

/** `count` samples, `stepMs` apart; every twentieth comes a few milliseconds late. */
export function sampleSeries(
  kind: (typeof SERIES_KINDS)[number],
  count: number,
  stepMs: number,
  seed = 1,
): SampledSeries {
  const random = randomFrom(seed + kind.length * 7_919)
  const times = new Float64Array(count)
  const values = new Float64Array(count)
  const next = valuesOf(kind, random)
  const startMs = 1_760_000_000_000 + Math.floor(random() * stepMs)
  for (let index = 0; index < count; index++) {
    const late = random() < 0.05 ? 1 + Math.floor(random() * 4) : 0
    times[index] = startMs + index * stepMs + late
    values[index] = next()
  }
  return { times, values }
}

function valuesOf(kind: (typeof SERIES_KINDS)[number], random: () => number): () => number {
  let value = Math.floor(random() * 100_000)
  switch (kind) {
    case 'constant':
      return () => value
    case 'up':
      return () => (random() < 0.0005 ? 0 : 1)
    case 'counter, steady':
      return () => (value += 20 + Math.floor(random() * 3))
    case 'counter, bursts':
      return () =>
        (value += random() < 0.7 ? Math.floor(random() * 10) : Math.floor(random() * 500))
    case 'counter, idle':
      return () => (value += random() < 0.02 ? 1 : 0)
    case 'bucket of a histogram':
      return () => (value += Math.floor(random() * 4))
    case 'sum of seconds':
      return () => (value += random() * 0.5)
    case 'gauge, small whole numbers':
      return () => 5 + Math.floor(random() * 12)
    case 'gauge, bytes':
      return () => (value = Math.max(0, value + Math.floor((random() - 0.5) * 16) * 4_096))
    case 'gauge, a share':
      return () => Math.round(random() * 1_000) / 1_000
  }
}

/** Mulberry32. */
export function randomFrom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
