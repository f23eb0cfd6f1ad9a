import { addCounts } from '../../mechanisms/histogram/histogram.ts'
import { TOTALS_OTHER, type EdgeTotals, type InstanceTotals } from '../../contracts/snapshot.ts'
import type { ChangesMessage } from '../../contracts/telemetry.ts'
import { addToCounts, type Counts, createCounts } from './counts.ts'
import { FrameRing } from './frames.ts'

/** Points of one second are kept for ten minutes, points of ten seconds for an hour. */
export const SECOND_MS = 1_000
export const SECONDS_KEEP_MS = 600_000
export const TENS_MS = 10_000
export const TENS_KEEP_MS = 3_600_000
/** What the points of each kind may take; with the records, series and requests stay below 64 MiB. */
export const SECONDS_BYTES_MAX = 16 * 1024 * 1024
export const TENS_BYTES_MAX = 12 * 1024 * 1024
/** Edges and instances that are told apart; what is beyond is one series of each kind, `TOTALS_OTHER`. */
export const SERIES_MAX = 8_192
/** Characters of a name that are kept. */
const NAME_CHARACTERS_MAX = 256

/** What a series is about. */
export type Series =
  | {
      readonly kind: 'edge'
      readonly caller: string
      readonly route: string
      readonly service: string
    }
  | { readonly kind: 'instance'; readonly service: string; readonly id: string }

interface KnownSeries {
  readonly series: Series
  readonly number: number
  lastMs: number
}

/** The last hour of counts, by edge and by instance. */
export class SeriesStore {
  readonly #byKey = new Map<string, KnownSeries>()
  readonly #byNumber = new Map<number, KnownSeries>()
  readonly #seriesMax: number
  readonly #seconds = new FrameRing({ keepMs: SECONDS_KEEP_MS, bytesMax: SECONDS_BYTES_MAX })
  readonly #tens = new FrameRing({ keepMs: TENS_KEEP_MS, bytesMax: TENS_BYTES_MAX })
  #second = new Map<number, Counts>()
  #ten = new Map<number, Counts>()
  #tenMs = 0
  #lastNumber = 0

  constructor(seriesMax = SERIES_MAX) {
    this.#seriesMax = seriesMax
  }

  /** Bytes of all points. */
  get bytes(): number {
    return this.#seconds.bytes + this.#tens.bytes
  }

  get seriesCount(): number {
    return this.#byKey.size
  }

  /** Takes what was counted in one second, or a part of it. */
  add({ atMs, edges, instances, more }: ChangesMessage): void {
    const tenMs = Math.floor(atMs / TENS_MS) * TENS_MS
    if (tenMs !== this.#tenMs) this.#closeTen(tenMs)
    for (const row of edges) this.#addRow(atMs, edgeSeries(row), countsOfEdge(row))
    for (const row of instances) this.#addRow(atMs, instanceSeries(row), countsOfInstance(row))
    if (more) return
    this.#seconds.push(atMs, this.#second)
    this.#second = new Map()
  }

  /**
   * What happened from `fromMs` (inclusive) to `toMs` (exclusive), in points of ten seconds where the step allows it or the seconds are gone;
   * each row once, oldest first. `counts` is valid only during the call.
   */
  read(
    range: { readonly fromMs: number; readonly toMs: number; readonly stepMs: number },
    onRow: (atMs: number, series: Series, counts: Readonly<Counts>) => void,
  ): void {
    const { fromMs, toMs, stepMs } = range
    const tell = (atMs: number, number: number, counts: Readonly<Counts>): void => {
      const known = this.#byNumber.get(number)
      if (known !== undefined) onRow(atMs, known.series, counts)
    }
    const isFine = stepMs < TENS_MS
    // Seconds begin where the ten seconds that are complete end, or where they are asked for.
    const secondsFromMs = isFine ? Math.max(fromMs, this.#wholeSecondsMs()) : this.#tenMs
    this.#tens.read(fromMs, Math.min(toMs, secondsFromMs), tell)
    this.#seconds.read(Math.max(fromMs, secondsFromMs), toMs, tell)
  }

  /** The first ten seconds of which every second is still there; all of them before the first one had to go. */
  #wholeSecondsMs(): number {
    if (!this.#seconds.hasDropped) return 0
    return Math.min(this.#tenMs, Math.ceil(this.#seconds.oldestMs / TENS_MS) * TENS_MS)
  }

  #addRow(atMs: number, series: Series, counts: Counts): void {
    const known = this.#know(series)
    known.lastMs = atMs
    const inSecond = this.#second.get(known.number)
    if (inSecond === undefined) this.#second.set(known.number, counts)
    else addToCounts(inSecond, counts, false)
    const inTen = this.#ten.get(known.number)
    if (inTen !== undefined) return addToCounts(inTen, counts, true)
    const first = createCounts()
    addToCounts(first, counts, true)
    this.#ten.set(known.number, first)
  }

  #know(series: Series): KnownSeries {
    const key = keyOf(series)
    const found = this.#byKey.get(key)
    if (found !== undefined) return found
    if (this.#byKey.size >= this.#seriesMax && series.service !== TOTALS_OTHER) {
      return this.#know(otherOf(series))
    }
    const known = { series, number: ++this.#lastNumber, lastMs: 0 }
    this.#byKey.set(key, known)
    this.#byNumber.set(known.number, known)
    return known
  }

  #closeTen(nextMs: number): void {
    if (this.#tenMs > 0) this.#tens.push(this.#tenMs, this.#ten)
    this.#ten = new Map()
    this.#tenMs = nextMs
    for (const [key, { number, lastMs }] of this.#byKey) {
      if (lastMs >= nextMs - TENS_KEEP_MS - TENS_MS) continue
      this.#byKey.delete(key)
      this.#byNumber.delete(number)
    }
  }
}

function otherOf(series: Series): Series {
  return series.kind === 'edge'
    ? { kind: 'edge', caller: TOTALS_OTHER, route: TOTALS_OTHER, service: TOTALS_OTHER }
    : { kind: 'instance', service: TOTALS_OTHER, id: TOTALS_OTHER }
}

function keyOf(series: Series): string {
  return series.kind === 'edge'
    ? `edge\n${series.caller}\n${series.route}\n${series.service}`
    : `instance\n${series.service}\n${series.id}`
}

function edgeSeries({ caller, route, service }: EdgeTotals): Series {
  return { kind: 'edge', caller: cut(caller), route: cut(route), service: cut(service) }
}

function instanceSeries({ service, id }: InstanceTotals): Series {
  return { kind: 'instance', service: cut(service), id: cut(id) }
}

function cut(name: string): string {
  return name.slice(0, NAME_CHARACTERS_MAX)
}

function countsOfEdge(row: EdgeTotals): Counts {
  const counts = countsOf(row)
  counts.failures = row.retries
  counts.requestBytes = row.requestBytes
  counts.responseBytes = row.responseBytes
  return counts
}

function countsOfInstance(row: InstanceTotals): Counts {
  const counts = countsOf(row)
  counts.failures = row.failures
  return counts
}

/** As many classes and buckets as we know, whatever was sent. */
function countsOf(row: EdgeTotals | InstanceTotals): Counts {
  const counts = createCounts()
  addCounts(counts.statuses, row.statuses)
  addCounts(counts.latencyCounts, row.latencyCounts)
  counts.latencySumMs = row.latencySumMs
  counts.inFlight = row.inFlight
  return counts
}
