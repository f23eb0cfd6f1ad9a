import type { ServiceLoad } from '../../contracts/resilience.ts'
import type { ServiceSpec } from '../../contracts/snapshot.ts'
import { createRetryBudget, type RetryBudget } from '../../mechanisms/retry/retry.ts'
import { BUDGET_AT, type MemoryPlace } from '../shared/resilience-memory.ts'
import { createServiceCounts, type ServiceCounts, type WorkerLoad } from './service-load.ts'

/** Workers report once a second; breakers are told of more often. */
const LOOK_MS = 500

interface Known {
  readonly name: string
  readonly budget: RetryBudget
  readonly sums: ServiceCounts
  /** What each worker said last. */
  readonly workers: Map<number, WorkerLoad>
  /** What was told last, as text; '' nothing yet. */
  told: string
}

/** Main thread: adds up what the workers say of the load of each service, beside the budget of retries, which lies in shared memory. */
export class LoadWatch {
  readonly #services = new Map<string, Known>()
  #takenAtMs = -Infinity

  /** A service is there, or has other settings. */
  know({ name, retry }: ServiceSpec, place: MemoryPlace): void {
    const terms = { ratio: retry.budgetRatio, reservePerSecond: retry.reservePerSecond }
    const known = this.#services.get(name)
    if (known !== undefined) return known.budget.configure(terms)
    const budget = createRetryBudget(terms, place.memory, place.start + BUDGET_AT)
    const sums = createServiceCounts()
    this.#services.set(name, { name, budget, sums, workers: new Map(), told: '' })
  }

  forget(service: string): void {
    this.#services.delete(service)
  }

  /** A late report of a service that is gone is dropped. */
  add(worker: number, rows: readonly WorkerLoad[]): void {
    for (const row of rows) {
      const known = this.#services.get(row.service)
      if (known === undefined) continue
      known.workers.set(worker, row)
      const { sums } = known
      sums.shed += row.shed
      sums.retriesRefused += row.retriesRefused
      sums.hedges += row.hedges
      sums.hedgeWins += row.hedgeWins
      sums.fallbacks += row.fallbacks
      sums.ejections += row.ejections
    }
  }

  /** A worker has died: what waited there waits no more. */
  forgetWorker(worker: number): void {
    for (const { workers } of this.#services.values()) workers.delete(worker)
  }

  /** Everything is told again. */
  restart(): void {
    this.#takenAtMs = -Infinity
    for (const known of this.#services.values()) known.told = ''
  }

  /** Rows that differ from what was told; none where they were taken less than half a second ago. */
  take(nowMs: number): readonly ServiceLoad[] {
    const rows: ServiceLoad[] = []
    if (nowMs - this.#takenAtMs < LOOK_MS) return rows
    this.#takenAtMs = nowMs
    for (const known of this.#services.values()) {
      const row = loadOf(known, nowMs)
      const text = JSON.stringify(row)
      if (text === known.told) continue
      known.told = text
      rows.push(row)
    }
    return rows
  }
}

function loadOf({ name, budget, sums, workers }: Known, nowMs: number): ServiceLoad {
  const { requests, retries, allowed } = budget.view(nowMs)
  let limit = 0
  let inFlight = 0
  let queued = 0
  let waiting = 0
  let overloadedWorkers = 0
  let because = ''
  for (const row of workers.values()) {
    limit = row.isShared ? Math.max(limit, row.limit) : limit + row.limit
    inFlight = row.isShared ? Math.max(inFlight, row.inFlight) : inFlight + row.inFlight
    queued += row.queued
    waiting += row.waiting
    if (!row.isOverloaded) continue
    overloadedWorkers++
    because = row.because
  }
  const load = { limit, inFlight, queued, waiting, overloadedWorkers, because }
  return { service: name, requests, retries, retriesAllowed: Math.floor(allowed), ...load, ...sums }
}
