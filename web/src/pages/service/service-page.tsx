import type { ReactNode } from 'react'
import { lazy, Suspense } from 'react'
import { useFeed, useSystem } from '../../feed/store.ts'
import { CALLER_SHARED } from '../../../../src/contracts/callers.ts'
import type { EdgeTick } from '../../../../src/contracts/feed.ts'
import { callsAreShared, edgesOf } from '../../feed/views.ts'
import { EdgeRows, SHARED_TEXT } from '../../ui/edge-rows.tsx'
import { InstanceTable } from './instance-table.tsx'
import { LogPanel } from './log-panel.tsx'
import { RegistryPanel } from './registry-panel.tsx'
import { ServiceTimeline } from '../timeline/timeline-page.tsx'
import { ResiliencePanel } from './resilience-panel.tsx'
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
      <ResiliencePanel service={service} />
      <RegistryPanel service={name} />
      <Neighbours service={name} />
      <ServiceTimeline service={name} />
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
        {callers.some(({ caller }) => caller === CALLER_SHARED) && (
          <p className="note" data-testid="callers-shared">
            {SHARED_TEXT}
          </p>
        )}
      </section>
      <section className="panel" aria-labelledby="called-heading">
        <div className="panel-head">
          <h2 id="called-heading">Calls</h2>
        </div>
        <Called service={service} edges={called} isShared={callsAreShared(system, service)} />
      </section>
    </div>
  )
}

function Called(props: {
  readonly service: string
  readonly edges: readonly EdgeTick[]
  readonly isShared: boolean
}): ReactNode {
  const { service, edges, isShared } = props
  return (
    <>
      {edges.length > 0 && <EdgeRows edges={edges} columns="service" />}
      {edges.length === 0 && !isShared && (
        <p className="empty">{service} has called no other service in the last ten minutes.</p>
      )}
      {isShared && (
        <p className={edges.length === 0 ? 'empty' : 'note'} data-testid="called-shared">
          {service} calls through listeners that services share: what it called is not known. Name
          it under calls: in its configuration to see it here.
        </p>
      )}
    </>
  )
}
