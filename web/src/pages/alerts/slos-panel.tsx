import type { ReactNode } from 'react'
import { useCallback } from 'react'
import { type InstantSample, queryNow } from '../../api/metrics.ts'
import { hrefOf } from '../../route.ts'
import { useLatest } from '../keys/use-latest.ts'

/** What is known of one objective; NaN where there was no traffic. */
interface SloRow {
  readonly service: string
  readonly slo: string
  readonly objective: number
  readonly hour: number
  readonly day: number
  readonly budget: number
}

async function load(): Promise<readonly SloRow[]> {
  const [objectives, hours, days, budgets] = await Promise.all(
    ['slo:objective', 'slo:bad:ratio1h', 'slo:bad:ratio1d', 'slo:budget:remaining'].map(queryNow),
  )
  const valueIn = (samples: readonly InstantSample[] | undefined, of: InstantSample): number => {
    const found = samples?.find(
      ({ metric }) =>
        metric['service'] === of.metric['service'] && metric['slo'] === of.metric['slo'],
    )
    return Number(found?.value[1] ?? 'NaN')
  }
  return (objectives ?? []).map((one) => ({
    service: one.metric['service'] ?? '',
    slo: one.metric['slo'] ?? '',
    objective: Number(one.value[1]),
    hour: valueIn(hours, one),
    day: valueIn(days, one),
    budget: valueIn(budgets, one),
  }))
}

/** What services promise, how it goes, and what is left of their error budgets. */
export function SlosPanel(): ReactNode {
  const [rows] = useLatest(useCallback(load, []))
  return (
    <section className="panel" aria-labelledby="slos-heading">
      <div className="panel-head">
        <h2 id="slos-heading">Service level objectives</h2>
      </div>
      {rows === null ? (
        <div className="skeleton skeleton-row" aria-busy="true" />
      ) : rows.length === 0 ? (
        <p className="empty" data-testid="slos-none">
          No service promises anything yet: write slo: {'{ objective: 99.9% }'} at one.
        </p>
      ) : (
        <SloTable rows={rows} />
      )}
    </section>
  )
}

function SloTable({ rows }: { readonly rows: readonly SloRow[] }): ReactNode {
  return (
    <table className="table cards">
      <thead>
        <tr>
          <th scope="col">Service</th>
          <th scope="col">Promise</th>
          <th scope="col" className="number">
            Bad, last hour
          </th>
          <th scope="col" className="number">
            Burns, last hour
          </th>
          <th scope="col" className="number">
            Bad, last day
          </th>
          <th scope="col">Error budget left</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={`${row.service} ${row.slo}`} data-testid={`slo-${row.service}-${row.slo}`}>
            <th scope="row" data-label="Service">
              <a href={hrefOf({ page: 'service', service: row.service })}>{row.service}</a>
            </th>
            <td data-label="Promise">
              {percent(row.objective)} {row.slo === 'latency' ? 'in time' : 'without error'}
            </td>
            <td className="number" data-label="Bad, last hour">
              <a
                href={hrefOf({
                  page: 'metrics',
                  query: `slo:bad:ratio1h{service="${row.service}",slo="${row.slo}"}`,
                  range: '6h',
                })}
              >
                {percent(row.hour)}
              </a>
            </td>
            <td className="number" data-label="Burns, last hour">
              {Number.isNaN(row.hour) ? '–' : `${(row.hour / (1 - row.objective)).toFixed(1)} x`}
            </td>
            <td className="number" data-label="Bad, last day">
              {percent(row.day)}
            </td>
            <td data-label="Error budget left">
              <Budget left={row.budget} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Budget({ left }: { readonly left: number }): ReactNode {
  if (Number.isNaN(left)) return <span className="muted">not known yet</span>
  return (
    <span className="budget">
      <meter min={0} max={1} low={0.25} high={0.5} optimum={1} value={Math.max(0, left)} />
      <span data-testid="slo-budget">{percent(left)}</span>
    </span>
  )
}

function percent(ratio: number): string {
  if (Number.isNaN(ratio)) return '–'
  return `${Number((ratio * 100).toPrecision(4))} %`
}
