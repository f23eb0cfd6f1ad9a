import { formatGeneral } from '../go-text/go-text.ts'
import { bucketsOf } from './buckets.ts'
import type { FloatHistogram } from './float-histogram.ts'

/** A histogram in a line, as Prometheus writes it: `{count:4, sum:5, (0.5,1]:1, (1,2]:3}`. */
export function histogramText(histogram: FloatHistogram): string {
  const buckets = bucketsOf(histogram)
    .filter(({ count }) => count !== 0)
    .map(({ lower, upper, isLowerIncluded, isUpperIncluded, count }) => {
      const bounds = `${formatGeneral(lower)},${formatGeneral(upper)}`
      const [open, close] = [isLowerIncluded ? '[' : '(', isUpperIncluded ? ']' : ')']
      return `, ${open}${bounds}${close}:${formatGeneral(count)}`
    })
  const { count, sum } = histogram
  return `{count:${formatGeneral(count)}, sum:${formatGeneral(sum)}${buckets.join('')}}`
}
