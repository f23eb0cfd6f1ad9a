import type { RangeSeries } from '../../api/metrics.ts'

/** A series as PromQL writes it. */
export function nameOfSeries({ metric }: Pick<RangeSeries, 'metric'>): string {
  const { __name__: name = '', ...labels } = metric
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
  return pairs.length === 0 && name !== '' ? name : `${name}{${pairs.join(', ')}}`
}

/** A number of any size in few characters. */
export function formatNumber(value: number): string {
  const size = Math.abs(value)
  if (size >= 1e15 || (size > 0 && size < 1e-4)) return value.toExponential(2)
  for (const [limit, unit] of [
    [1e12, 'T'],
    [1e9, 'G'],
    [1e6, 'M'],
    [1e4, 'k'],
  ] as const) {
    if (size >= limit) {
      const scaled = unit === 'k' ? value / 1e3 : value / limit
      return `${Number(scaled.toPrecision(4))}${unit}`
    }
  }
  return String(Number(value.toPrecision(4)))
}
