import type { ServiceView } from '../../../../src/contracts/feed.ts'
import type { SystemState } from '../../feed/state.ts'
import { countHealthy, trafficOf, toneOfService } from '../../feed/views.ts'

/** A line of the table of services: what it is sorted by, and what it shows. */
export interface ServiceRow {
  readonly service: ServiceView
  readonly healthy: number
  readonly total: number
  readonly requestsPerSecond: number
  readonly errorRatio: number
  readonly p95Ms: number
  /** Of all its instances together; cores. */
  readonly cpuRatio: number
  readonly residentBytes: number
  /** Of all its instances that are there. */
  readonly restarts: number
}

/** What the table can be sorted by; `state` puts what is not well first. */
export type SortKey =
  | 'name'
  | 'kind'
  | 'state'
  | 'instances'
  | 'requests'
  | 'errors'
  | 'p95'
  | 'cpu'
  | 'memory'
  | 'restarts'

export interface Sorting {
  readonly key: SortKey
  readonly isDescending: boolean
}

/** Every service with its numbers of the newest second. */
export function serviceRows(system: SystemState): readonly ServiceRow[] {
  const uses = usesOf(system)
  return [...system.services.values()].map((service) => {
    const traffic = trafficOf(system, service.name)
    const { requestsPerSecond, errorsPerSecond, p95Ms } = traffic
    const { cpuRatio = 0, residentBytes = 0 } = uses.get(service.name) ?? {}
    return {
      service,
      ...countHealthy(service),
      requestsPerSecond,
      errorRatio: requestsPerSecond > 0 ? errorsPerSecond / requestsPerSecond : 0,
      p95Ms,
      cpuRatio,
      residentBytes,
      restarts: service.instances.reduce((sum, { process }) => sum + (process?.restarts ?? 0), 0),
    }
  })
}

interface Use {
  readonly cpuRatio: number
  readonly residentBytes: number
}

function usesOf(system: SystemState): ReadonlyMap<string, Use> {
  const uses = new Map<string, Use>()
  for (const { service, cpuRatio, residentBytes } of system.ticks.at(-1)?.instances.values() ??
    []) {
    const known = uses.get(service) ?? { cpuRatio: 0, residentBytes: 0 }
    uses.set(service, {
      cpuRatio: known.cpuRatio + cpuRatio,
      residentBytes: known.residentBytes + residentBytes,
    })
  }
  return uses
}

/** Rows that an operator should look at: not well, or with instances that fell again and again. */
export function isUnwell({ service }: ServiceRow): boolean {
  const tone = toneOfService(service.state)
  return tone === 'bad' || tone === 'warning'
}

const RANKS = { bad: 0, warning: 1, good: 2, quiet: 3 } as const

const VALUES: Readonly<Record<SortKey, (row: ServiceRow) => number | string>> = {
  name: ({ service }) => service.name,
  kind: ({ service }) => service.kind,
  state: ({ service }) => RANKS[toneOfService(service.state)],
  instances: ({ total }) => total,
  requests: ({ requestsPerSecond }) => requestsPerSecond,
  errors: ({ errorRatio }) => errorRatio,
  p95: ({ p95Ms }) => p95Ms,
  cpu: ({ cpuRatio }) => cpuRatio,
  memory: ({ residentBytes }) => residentBytes,
  restarts: ({ restarts }) => restarts,
}

/** Sorted; equal ones by name. */
export function sortRows(
  rows: readonly ServiceRow[],
  { key, isDescending }: Sorting,
): readonly ServiceRow[] {
  const valueOf = VALUES[key]
  const sign = isDescending ? -1 : 1
  return rows.toSorted((a, b) => {
    const [left, right] = [valueOf(a), valueOf(b)]
    if (left !== right) return left < right ? -sign : sign
    return a.service.name < b.service.name ? -1 : 1
  })
}

/** What a click on a heading does: names and states upwards first, numbers downwards. */
export function nextSorting(now: Sorting, key: SortKey): Sorting {
  if (now.key === key) return { key, isDescending: !now.isDescending }
  return { key, isDescending: !['name', 'kind', 'state'].includes(key) }
}
