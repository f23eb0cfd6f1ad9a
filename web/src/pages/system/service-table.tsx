import type { ReactNode } from 'react'
import type { ServiceView } from '../../../../src/contracts/feed.ts'
import { useSystem } from '../../feed/store.ts'
import {
  countHealthy,
  rateHistory,
  toneOfErrors,
  toneOfService,
  trafficOf,
} from '../../feed/views.ts'
import { formatLatency, formatRate, formatShare } from '../../format.ts'
import { hrefOf } from '../../route.ts'
import { Sparkline } from '../../ui/sparkline.tsx'
import { StateBadge } from '../../ui/state.tsx'

const HISTORY_TICKS = 60

/** Every service with its state and its numbers. */
export function ServiceTable(): ReactNode {
  const { services } = useSystem()
  return (
    <section className="panel" aria-labelledby="services-heading">
      <div className="panel-head">
        <h2 id="services-heading">Services</h2>
        <span className="muted">{services.size}</span>
      </div>
      {services.size === 0 ? (
        <p className="empty">
          No service yet. Name one under `services` in the configuration, or register one.
        </p>
      ) : (
        <table className="table cards">
          <thead>
            <tr>
              <th scope="col">Service</th>
              <th scope="col">State</th>
              <th scope="col" className="number">
                Instances
              </th>
              <th scope="col" className="number">
                Requests
              </th>
              <th scope="col" className="spark-cell wide-only">
                Last minute
              </th>
              <th scope="col" className="number">
                Errors
              </th>
              <th scope="col" className="number">
                p95
              </th>
              <th scope="col" className="reason-cell">
                Reason
              </th>
            </tr>
          </thead>
          <tbody>
            {[...services.values()].map((service) => (
              <ServiceRow key={service.name} service={service} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}

function ServiceRow({ service }: { readonly service: ServiceView }): ReactNode {
  const system = useSystem()
  const traffic = trafficOf(system, service.name)
  const { healthy, total } = countHealthy(service)
  const errorRatio =
    traffic.requestsPerSecond > 0 ? traffic.errorsPerSecond / traffic.requestsPerSecond : 0
  const id = `service-${service.name}`
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
        {formatRate(traffic.requestsPerSecond)}
      </td>
      <td className="spark-cell wide-only" aria-hidden="true">
        <Sparkline
          values={rateHistory(system, service.name, HISTORY_TICKS)}
          count={HISTORY_TICKS}
        />
      </td>
      <td className={`number tone-text-${toneOfErrors(errorRatio)}`} data-label="Errors">
        {formatShare(errorRatio)}
      </td>
      <td className="number" data-label="p95">
        {traffic.requestsPerSecond > 0 ? formatLatency(traffic.p95Ms) : '–'}
      </td>
      <td className="reason-cell muted" data-label="Reason">
        {service.reason}
      </td>
    </tr>
  )
}
