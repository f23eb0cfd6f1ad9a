import { formatGeneral, quote } from '../../go-text/go-text.ts'
import { positionOf, type TextRange } from '../syntax/parse-error.ts'

/** What a query's answer leaves out or guesses, for the one who asked. */
export interface Annotations {
  readonly warnings: readonly string[]
  readonly infos: readonly string[]
}

/** Buckets whose counts fell where they may only rise, over all times of a query. */
export interface ForcedRise {
  readonly timeMs: number
  readonly bucketMin: number
  readonly bucketMax: number
  readonly differenceMax: number
}

interface Rises extends ForcedRise {
  readonly firstMs: number
  readonly lastMs: number
  readonly count: number
}

/** Collects annotations; the same one counts once. Texts are Prometheus'. */
export class Notes {
  readonly #query: string
  readonly #warnings = new Set<string>()
  readonly #infos = new Set<string>()
  readonly #rises = new Map<string, Rises>()

  constructor(query: string) {
    this.#query = query
  }

  /** Something that is probably a mistake. */
  warn(text: string, range: TextRange): void {
    this.#warnings.add(`PromQL warning: ${text} (${positionOf(this.#query, range.start)})`)
  }

  /** Something that may be a mistake. */
  inform(text: string, range: TextRange): void {
    this.#infos.add(`PromQL info: ${text} (${positionOf(this.#query, range.start)})`)
  }

  /** Input of `histogram_quantile` that had to be repaired. Told once for all times. */
  informOfRise(metric: string, range: TextRange, rise: ForcedRise): void {
    const key = `${metric} ${range.start}`
    const known = this.#rises.get(key)
    const { timeMs, bucketMin, bucketMax, differenceMax } = rise
    this.#rises.set(key, {
      timeMs: range.start,
      bucketMin: Math.min(known?.bucketMin ?? Infinity, bucketMin),
      bucketMax: Math.max(known?.bucketMax ?? -Infinity, bucketMax),
      differenceMax: Math.max(known?.differenceMax ?? 0, differenceMax),
      firstMs: Math.min(known?.firstMs ?? Infinity, timeMs),
      lastMs: Math.max(known?.lastMs ?? -Infinity, timeMs),
      count: (known?.count ?? 0) + 1,
    })
  }

  /** Everything so far, at most `max` of each kind and a line that says how many more there are; 0 is all. */
  read(max = 0): Annotations {
    const infos = [...this.#infos]
    for (const [key, rises] of this.#rises) infos.push(this.#riseText(key, rises))
    return {
      warnings: limit([...this.#warnings], max, 'warning'),
      infos: limit(infos, max, 'info'),
    }
  }

  #riseText(key: string, rises: Rises): string {
    const metric = key.slice(0, key.lastIndexOf(' '))
    const site =
      'https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile'
    const name = metric === '' ? '' : ` for metric name ${quote(metric)}`
    const buckets = `from buckets ${formatGeneral(rises.bucketMin)} to ${formatGeneral(rises.bucketMax)}`
    const difference = `with a max diff of ${formatGeneral(Number(rises.differenceMax.toPrecision(2)))}`
    const samples = `over ${rises.count} samples from ${dateOf(rises.firstMs)} to ${dateOf(rises.lastMs)}`
    const place = positionOf(this.#query, rises.timeMs)
    return `PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see ${site})${name}, ${buckets}, ${difference}, ${samples} (${place})`
  }
}

function limit(texts: readonly string[], max: number, kind: string): readonly string[] {
  if (max === 0 || texts.length <= max) return texts
  return [...texts.slice(0, max), `${texts.length - max} more ${kind} annotations omitted`]
}

/** RFC 3339, the fraction only as long as it must be. */
function dateOf(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/\.?0*Z$/, 'Z')
}

/** ` for metric name "x"`, or nothing where there is no name. */
export function forMetric(name: string): string {
  return name === '' ? '' : ` for metric name ${quote(name)}`
}
