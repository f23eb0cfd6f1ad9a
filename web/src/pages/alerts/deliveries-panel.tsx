import type { ReactNode } from 'react'
import { type DeliveryView, loadDeliveries } from '../../api/alerts.ts'
import { formatDuration, formatNoun } from '../../format.ts'
import { useLatest } from '../keys/use-latest.ts'

/** Messages that wait, and what became of the last ones. */
export function DeliveriesPanel(): ReactNode {
  const [deliveries] = useLatest(loadDeliveries)
  return (
    <section className="panel" aria-labelledby="deliveries-heading">
      <div className="panel-head">
        <h2 id="deliveries-heading">Deliveries</h2>
      </div>
      {deliveries === null ? (
        <div className="skeleton skeleton-row" aria-busy="true" />
      ) : deliveries.length === 0 ? (
        <p className="empty">Nobody had to be told of anything yet.</p>
      ) : (
        <table className="table cards">
          <thead>
            <tr>
              <th scope="col">To</th>
              <th scope="col">Outcome</th>
              <th scope="col">What</th>
              <th scope="col" className="number">
                Attempts
              </th>
              <th scope="col">When</th>
            </tr>
          </thead>
          <tbody>
            {deliveries.map((one) => (
              <DeliveryRow key={one.id} delivery={one} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}

function DeliveryRow({ delivery }: { readonly delivery: DeliveryView }): ReactNode {
  const { receiver, kind, outcome, error, status, alertCount, groupKey, attempts, atMs } = delivery
  const tone =
    outcome === 'delivered' ? ' tone-good' : outcome === 'given-up' ? ' tone-bad' : ' tone-warning'
  return (
    <tr data-testid={`delivery-${outcome ?? 'waiting'}`}>
      <th scope="row" data-label="To">
        {receiver} <span className="muted">by {kind}</span>
      </th>
      <td data-label="Outcome">
        <span className="stack">
          <span className={`badge${tone}`}>{outcome ?? 'waiting'}</span>
          {error !== '' && <span className="muted">{error}</span>}
        </span>
      </td>
      <td data-label="What">
        <span className="stack">
          <span>
            {formatNoun(alertCount, 'alert')} {status}
          </span>
          <span className="mono muted">{groupKey.slice(groupKey.indexOf(':') + 1)}</span>
        </span>
      </td>
      <td className="number" data-label="Attempts">
        {attempts}
      </td>
      <td data-label="When" title={new Date(atMs).toLocaleString()}>
        {formatDuration(Date.now() - atMs)} ago
      </td>
    </tr>
  )
}
