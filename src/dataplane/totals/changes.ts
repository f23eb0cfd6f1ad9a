import { addCounts } from '../../mechanisms/histogram/histogram.ts'
import { type EdgeTotals, type InstanceTotals, TOTALS_OTHER } from '../../contracts/snapshot.ts'
import type { ChangesMessage } from '../../contracts/telemetry.ts'
import type { WorkerTotals } from '../threads/messages.ts'
import { MESSAGES_PER_SECOND_MAX, ROWS_PER_MESSAGE_MAX, type TotalsMerge } from './merge.ts'

/** Edges, and instances, of which changes are gathered; what is beyond counts on one row, `TOTALS_OTHER`. */
export const CHANGED_ROWS_MAX = 16_384

type Mutable<Row> = { -readonly [Key in keyof Row]: Row[Key] }
type Edge = Mutable<EdgeTotals> & { statuses: number[]; latencyCounts: number[] }
type Instance = Mutable<InstanceTotals> & { statuses: number[]; latencyCounts: number[] }

/** Gathers what the workers report until telemetry takes it. Holds nothing while nobody is there. */
export class TotalsChanges {
  readonly #gauges: Pick<TotalsMerge, 'edgeInFlight' | 'instanceInFlight'>
  readonly #rowsMax: number
  readonly #edges = new Map<string, Edge>()
  readonly #instances = new Map<string, Instance>()
  #isGathering = false

  /** `gauges`: knows what is in flight now. */
  constructor(
    gauges: Pick<TotalsMerge, 'edgeInFlight' | 'instanceInFlight'>,
    rowsMax = CHANGED_ROWS_MAX,
  ) {
    this.#gauges = gauges
    this.#rowsMax = rowsMax
  }

  /** Telemetry is there: from now on changes are gathered. */
  begin(): void {
    this.end()
    this.#isGathering = true
  }

  /** Telemetry has gone, and with it whom this second could be told to. */
  end(): void {
    this.#isGathering = false
    this.#edges.clear()
    this.#instances.clear()
  }

  add(totals: WorkerTotals): void {
    if (!this.#isGathering) return
    for (const row of totals.edges) this.#addEdge(row)
    for (const row of totals.instances) this.#addInstance(row)
  }

  /** At least one message, at most `MESSAGES_PER_SECOND_MAX`; what is left is told in the next second. */
  take(atMs: number): readonly ChangesMessage[] {
    const messages: ChangesMessage[] = []
    for (let count = 1; count <= MESSAGES_PER_SECOND_MAX; count++) {
      const edges = takeFirst(this.#edges, ROWS_PER_MESSAGE_MAX)
      const instances = takeFirst(this.#instances, ROWS_PER_MESSAGE_MAX - edges.length)
      for (const row of edges) row.inFlight = this.#gauges.edgeInFlight(row)
      for (const row of instances) row.inFlight = this.#gauges.instanceInFlight(row)
      const hasMore = this.#edges.size + this.#instances.size > 0 && count < MESSAGES_PER_SECOND_MAX
      messages.push({ type: 'changes', atMs, edges, instances, ...(hasMore ? { more: true } : {}) })
      if (!hasMore) break
    }
    return messages
  }

  #addEdge(row: EdgeTotals): void {
    const key = `${row.caller}\n${row.route}\n${row.service}`
    const into = this.#edges.get(key)
    if (into === undefined) {
      if (this.#edges.size < this.#rowsMax || row.service === TOTALS_OTHER) {
        return void this.#edges.set(key, copyRow(row))
      }
      return this.#addEdge({
        ...row,
        caller: TOTALS_OTHER,
        route: TOTALS_OTHER,
        service: TOTALS_OTHER,
      })
    }
    addCounts(into.statuses, row.statuses)
    addCounts(into.latencyCounts, row.latencyCounts)
    into.retries += row.retries
    into.requestBytes += row.requestBytes
    into.responseBytes += row.responseBytes
    into.latencySumMs += row.latencySumMs
  }

  #addInstance(row: InstanceTotals): void {
    const key = `${row.service}\n${row.id}`
    const into = this.#instances.get(key)
    if (into === undefined) {
      if (this.#instances.size < this.#rowsMax || row.service === TOTALS_OTHER) {
        return void this.#instances.set(key, copyRow(row))
      }
      return this.#addInstance({ ...row, service: TOTALS_OTHER, id: TOTALS_OTHER })
    }
    addCounts(into.statuses, row.statuses)
    addCounts(into.latencyCounts, row.latencyCounts)
    into.failures += row.failures
    into.latencySumMs += row.latencySumMs
    into.connections = row.connections
    into.ejectedUntilMs = Math.max(into.ejectedUntilMs, row.ejectedUntilMs)
  }
}

/** Reports of workers are copied messages, but what is added up is ours. */
function copyRow<Row extends EdgeTotals | InstanceTotals>(
  row: Row,
): Mutable<Row> & { statuses: number[]; latencyCounts: number[] } {
  return { ...row, statuses: [...row.statuses], latencyCounts: [...row.latencyCounts] }
}

function takeFirst<Row>(rows: Map<string, Row>, count: number): Row[] {
  const taken: Row[] = []
  for (const [key, row] of rows) {
    if (taken.length === count) break
    taken.push(row)
    rows.delete(key)
  }
  return taken
}
