import type { ReactNode } from 'react'
import { useState } from 'react'
import { useSystem } from '../../feed/store.ts'
import { rateHistory, toneOfErrors, toneOfService } from '../../feed/views.ts'
import { formatBytes, formatLatency, formatRate, formatShare } from '../../format.ts'
import { hrefOf } from '../../route.ts'
import { Sparkline } from '../../ui/sparkline.tsx'
import { StateBadge } from '../../ui/state.tsx'
import {
  isUnwell,
  nextSorting,
  type ServiceRow,
  serviceRows,
  type Sorting,
  type SortKey,
  sortRows,
} from './service-rows.ts'

const HISTORY_TICKS = 60

/** Every service with its state and its numbers. */
export function ServiceTable(): ReactNode {
  const [sorting, setSorting] = useState<Sorting>({ key: 'name', isDescending: false })
  const [onlyUnwell, setOnlyUnwell] = useState(false)
  const rows = serviceRows(useSystem())
  const unwell = rows.filter(isUnwell)
  const shown = sortRows(onlyUnwell ? unwell : rows, sorting)
  return (
    <section className="panel" aria-labelledby="services-heading">
      <div className="panel-head">
        <h2 id="services-heading">Services</h2>
        <span className="muted">{rows.length}</span>
        <label className="check-inline">
          <input
            type="checkbox"
            data-testid="only-unwell"
            checked={onlyUnwell}
            onChange={(event) => setOnlyUnwell(event.target.checked)}
          />
          only what is not well ({unwell.length})
        </label>
      </div>
      {shown.length === 0 ? (
        <p className="empty" data-testid="services-empty">
          {onlyUnwell
            ? 'Everything is well.'
            : 'No service yet. Name one under `services` in the configuration, or register one.'}
        </p>
      ) : (
        <table className="table cards">
          <ServiceHeads
            sorting={sorting}
            onSort={(key) => setSorting((now) => nextSorting(now, key))}
          />
          <tbody>
            {shown.map((row) => (
              <ServiceLine key={row.service.name} row={row} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}

const HEADS: readonly (readonly [key: SortKey, text: string, className: string])[] = [
  ['name', 'Service', ''],
  ['kind', 'Kind', 'wide-only'],
  ['state', 'State', ''],
  ['instances', 'Instances', 'number'],
  ['requests', 'Requests', 'number'],
  ['errors', 'Errors', 'number'],
  ['p95', 'p95', 'number'],
  ['cpu', 'CPU', 'number'],
  ['memory', 'Memory', 'number'],
  ['restarts', 'Restarts', 'number'],
]

function ServiceHeads(props: {
  readonly sorting: Sorting
  readonly onSort: (key: SortKey) => void
}): ReactNode {
  const { key, isDescending } = props.sorting
  const direction = isDescending ? 'descending' : 'ascending'
  return (
    <thead>
      <tr>
        {HEADS.map(([head, text, className]) => (
          <th
            key={head}
            scope="col"
            className={className}
            aria-sort={head === key ? direction : 'none'}
          >
            <button
              type="button"
              className="sort-button"
              data-testid={`sort-${head}`}
              onClick={() => props.onSort(head)}
            >
              {text}
              <span aria-hidden="true">{head === key ? (isDescending ? ' ↓' : ' ↑') : ''}</span>
            </button>
          </th>
        ))}
        <th scope="col" className="spark-cell wide-only">
          Last minute
        </th>
        <th scope="col" className="reason-cell">
          Reason
        </th>
      </tr>
    </thead>
  )
}

function ServiceLine({ row }: { readonly row: ServiceRow }): ReactNode {
  const system = useSystem()
  const { service, healthy, total, requestsPerSecond, errorRatio, p95Ms, restarts } = row
  const id = `service-${service.name}`
  const isOurs = service.kind === 'run' || service.kind === 'task'
  return (
    <tr>
      <th scope="row" data-label="Service">
        <a href={hrefOf({ page: 'service', service: service.name })} data-testid={`${id}-link`}>
          {service.name}
        </a>
        {service.overrides.length > 0 && (
          <span className="chip" title="Differs from the file">
            changed
          </span>
        )}
      </th>
      <td className="wide-only muted" data-label="Kind">
        {service.kind}
      </td>
      <td data-label="State">
        <StateBadge
          tone={toneOfService(service.state)}
          text={service.state}
          testId={`${id}-state`}
        />
      </td>
      <td className="number" data-label="Instances" data-testid={`${id}-healthy`}>
        {healthy}/{total}
      </td>
      <td className="number" data-label="Requests" data-testid={`${id}-rate`}>
        {formatRate(requestsPerSecond)}
      </td>
      <td className={`number tone-text-${toneOfErrors(errorRatio)}`} data-label="Errors">
        {formatShare(errorRatio)}
      </td>
      <td className="number" data-label="p95">
        {requestsPerSecond > 0 ? formatLatency(p95Ms) : '–'}
      </td>
      <td className="number" data-label="CPU">
        {isOurs ? formatShare(row.cpuRatio) : '–'}
      </td>
      <td className="number" data-label="Memory" data-testid={`${id}-memory`}>
        {isOurs ? formatBytes(row.residentBytes) : '–'}
      </td>
      <td
        className={`number ${restarts > 0 ? 'tone-text-warning' : ''}`}
        data-label="Restarts"
        data-testid={`${id}-restarts`}
      >
        {isOurs ? restarts : '–'}
      </td>
      <td className="spark-cell wide-only" aria-hidden="true">
        <Sparkline
          values={rateHistory(system, service.name, HISTORY_TICKS)}
          count={HISTORY_TICKS}
        />
      </td>
      <td className="reason-cell muted" data-label="Reason">
        {service.reason}
      </td>
    </tr>
  )
}
