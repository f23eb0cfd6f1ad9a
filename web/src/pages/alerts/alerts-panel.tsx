import type { ReactNode } from 'react'
import { useCallback } from 'react'
import { type AlertList, type AlertView, loadAlerts } from '../../api/alerts.ts'
import { loadRuleAlerts, type RuleAlert } from '../../api/metrics.ts'
import { formatDuration, formatNoun } from '../../format.ts'
import { hrefOf } from '../../route.ts'
import { useLatest } from '../keys/use-latest.ts'
import { LabelList, matchersOf } from './labels.tsx'

interface Everything {
  readonly list: AlertList
  readonly pending: readonly RuleAlert[]
}

async function load(): Promise<Everything> {
  const [list, all] = await Promise.all([loadAlerts(), loadRuleAlerts()])
  return { list, pending: all.filter(({ state }) => state === 'pending') }
}

/** Alerts that fire, and those that wait for their time. */
export function AlertsPanel(): ReactNode {
  const [found] = useLatest(useCallback(load, []))
  return (
    <section className="panel" aria-labelledby="alerts-heading">
      <div className="panel-head">
        <h2 id="alerts-heading">Alerts</h2>
        {found !== null && (
          <span className="muted" data-testid="alerts-summary">
            {`${formatNoun(found.list.alerts.length, 'alert')} firing, ${found.pending.length} pending`}
          </span>
        )}
        {found !== null && <Told list={found.list} />}
      </div>
      {found === null ? (
        <div className="skeleton skeleton-row" aria-busy="true" />
      ) : (
        <Rows {...found} />
      )}
    </section>
  )
}

function Told({ list: { receivers, alertmanagers } }: { readonly list: AlertList }): ReactNode {
  const names = [...receivers.map(({ name }) => name), ...alertmanagers.map(({ host }) => host)]
  return (
    <span className="muted push-right">
      {names.length === 0
        ? 'Nobody is told: alerts.receivers is empty'
        : `Told: ${names.join(', ')}`}
    </span>
  )
}

function Rows({ list, pending }: Everything): ReactNode {
  if (list.alerts.length + pending.length === 0) {
    return (
      <p className="empty" data-testid="alerts-none">
        Nothing is wrong. Every service has alerts of its own; write more under alerts.rules.
      </p>
    )
  }
  return (
    <table className="table cards">
      <thead>
        <tr>
          <th scope="col">Alert</th>
          <th scope="col">State</th>
          <th scope="col">Labels</th>
          <th scope="col">Since</th>
          <th scope="col" aria-label="Actions" />
        </tr>
      </thead>
      <tbody>
        {list.alerts.map((alert) => (
          <FiringRow key={alert.fingerprint} alert={alert} />
        ))}
        {pending.map((alert) => (
          <PendingRow key={JSON.stringify(alert.labels)} alert={alert} />
        ))}
      </tbody>
    </table>
  )
}

function FiringRow({ alert }: { readonly alert: AlertView }): ReactNode {
  const { labels, annotations, startsAtMs, expr } = alert
  const name = labels['alertname'] ?? ''
  const silencing = matchersOf(labels).join('\n')
  return (
    <tr data-testid={`alert-${name}-${labels['service'] ?? ''}`}>
      <th scope="row" data-label="Alert">
        <span className="stack">
          <span>{name}</span>
          <span className="muted">{annotations['summary'] ?? ''}</span>
        </span>
      </th>
      <td data-label="State">
        <StateOf alert={alert} />
      </td>
      <td data-label="Labels">
        <LabelList labels={labels} without={['alertname']} />
      </td>
      <td data-label="Since" className="nowrap" title={new Date(startsAtMs).toLocaleString()}>
        {formatDuration(Date.now() - startsAtMs)}
      </td>
      <td data-label="">
        <span className="row-actions">
          <a className="button small" href={hrefOf({ page: 'metrics', query: expr, range: '1h' })}>
            Why
          </a>
          <a className="button small" href={hrefOf({ page: 'alerts', tab: 'silences', silencing })}>
            Silence…
          </a>
        </span>
      </td>
    </tr>
  )
}

function StateOf({ alert }: { readonly alert: AlertView }): ReactNode {
  const { silencedBy, inhibitedBy, receivers } = alert
  if (silencedBy.length > 0) return <span className="badge">silenced</span>
  if (inhibitedBy !== '') return <span className="badge">inhibited</span>
  return (
    <span className="stack">
      <span className="badge tone-bad">firing</span>
      {receivers.length > 0 && <span className="muted">told: {receivers.join(', ')}</span>}
    </span>
  )
}

function PendingRow({ alert }: { readonly alert: RuleAlert }): ReactNode {
  const name = alert.labels['alertname'] ?? ''
  return (
    <tr data-testid={`pending-${name}-${alert.labels['service'] ?? ''}`}>
      <th scope="row" data-label="Alert">
        <span className="stack">
          <span>{name}</span>
          <span className="muted">{alert.annotations['summary'] ?? ''}</span>
        </span>
      </th>
      <td data-label="State">
        <span className="badge tone-warning">pending</span>
      </td>
      <td data-label="Labels">
        <LabelList labels={alert.labels} without={['alertname']} />
      </td>
      <td data-label="Since" className="nowrap">
        {formatDuration(Date.now() - Date.parse(alert.activeAt))}
      </td>
      <td data-label="" />
    </tr>
  )
}
