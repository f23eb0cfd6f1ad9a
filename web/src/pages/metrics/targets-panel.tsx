import type { ReactNode } from 'react'
import { loadTargets, type TargetView } from '../../api/metrics.ts'
import { formatDuration, formatNoun } from '../../format.ts'
import { LabelList } from '../alerts/labels.tsx'
import { useLatest } from '../keys/use-latest.ts'

/** Every target, with the error of its last scrape. Those that are down come first. */
export function TargetsPanel(): ReactNode {
  const [targets] = useLatest(loadTargets)
  return (
    <section className="panel" aria-labelledby="targets-heading">
      <div className="panel-head">
        <h2 id="targets-heading">Targets</h2>
        {targets !== null && (
          <span className="muted" data-testid="targets-summary">
            {formatNoun(targets.length, 'target')},{' '}
            {targets.filter(({ health }) => health === 'down').length} down
          </span>
        )}
      </div>
      {targets === null ? (
        <div className="skeleton skeleton-row" aria-busy="true" />
      ) : targets.length === 0 ? (
        <p className="empty">
          Nothing is scraped: write metrics: /metrics at a service, or a job under metrics.jobs.
        </p>
      ) : (
        <TargetTable targets={targets} />
      )}
    </section>
  )
}

function TargetTable({ targets }: { readonly targets: readonly TargetView[] }): ReactNode {
  const sorted = targets.toSorted(
    (one, other) =>
      Number(other.health === 'down') - Number(one.health === 'down') ||
      one.scrapePool.localeCompare(other.scrapePool),
  )
  return (
    <table className="table cards">
      <thead>
        <tr>
          <th scope="col">Target</th>
          <th scope="col">Health</th>
          <th scope="col">Labels</th>
          <th scope="col">Last scrape</th>
        </tr>
      </thead>
      <tbody>
        {sorted.map((target) => (
          <tr key={`${target.scrapePool} ${target.scrapeUrl}`} data-testid="target">
            <th scope="row" className="mono" data-label="Target">
              {target.scrapeUrl}
            </th>
            <td data-label="Health">
              <span className="stack">
                <Health health={target.health} />
                {target.lastError !== '' && (
                  <span className="error-text" data-testid="target-error">
                    {target.lastError}
                  </span>
                )}
              </span>
            </td>
            <td data-label="Labels">
              <LabelList labels={target.labels} />
            </td>
            <td data-label="Last scrape" className="nowrap">
              {target.health === 'unknown'
                ? 'not yet'
                : `${formatDuration(Date.now() - Date.parse(target.lastScrape))} ago, every ${target.scrapeInterval}`}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Health({ health }: { readonly health: TargetView['health'] }): ReactNode {
  const tone = health === 'up' ? ' tone-good' : health === 'down' ? ' tone-bad' : ''
  return <span className={`badge${tone}`}>{health}</span>
}
