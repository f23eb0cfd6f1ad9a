import type { ReactNode } from 'react'
import { lazy, Suspense } from 'react'
import { useFeed, useSystem } from '../../feed/store.ts'
import { edgesOf } from '../../feed/views.ts'
import { EdgeRows } from '../../ui/edge-rows.tsx'
import { InstanceTable } from './instance-table.tsx'
import { LogPanel } from './log-panel.tsx'
import { ServiceHead } from './service-head.tsx'

const ServiceSeries = lazy(async () => ({
  default: (await import('./service-series.tsx')).ServiceSeries,
}))

/** Everything about one service. */
export function ServicePage({ name }: { readonly name: string }): ReactNode {
  const service = useFeed((now) => now.system?.services.get(name))
  if (service === undefined) {
    return (
      <div className="panel empty" data-testid="service-unknown">
        <h1>{name}</h1>
        <p>
          There is no service of this name now. It may have been taken out of the configuration.
        </p>
        <p>
          <a href="#/">All services</a>
        </p>
      </div>
    )
  }
  return (
    <>
      <ServiceHead service={service} />
      <InstanceTable service={service} />
      <Suspense fallback={<div className="series-grid is-waiting" aria-busy="true" />}>
        <ServiceSeries service={name} />
      </Suspense>
      <Neighbours service={name} />
      {service.kind === 'run' || service.kind === 'task' ? <LogPanel service={name} /> : null}
    </>
  )
}

function Neighbours({ service }: { readonly service: string }): ReactNode {
  const system = useSystem()
  const callers = edgesOf(system, service, 'service')
  const called = edgesOf(system, service, 'caller')
  return (
    <div className="pair">
      <section className="panel" aria-labelledby="callers-heading">
        <div className="panel-head">
          <h2 id="callers-heading">Called by</h2>
        </div>
        {callers.length === 0 ? (
          <p className="empty">Nobody has called {service} in the last ten minutes.</p>
        ) : (
          <EdgeRows edges={callers} columns="caller" />
        )}
      </section>
      <section className="panel" aria-labelledby="called-heading">
        <div className="panel-head">
          <h2 id="called-heading">Calls</h2>
        </div>
        {called.length === 0 ? (
          <p className="empty">{service} has called no other service in the last ten minutes.</p>
        ) : (
          <EdgeRows edges={called} columns="service" />
        )}
      </section>
    </div>
  )
}
