import type { ReactNode } from 'react'
import { lazy, Suspense } from 'react'
import { hrefOf, type Route } from '../../route.ts'
import { CardinalityPanel } from './cardinality-panel.tsx'
import { TargetsPanel } from './targets-panel.tsx'

const QueryPanel = lazy(async () => ({ default: (await import('./query-panel.tsx')).QueryPanel }))
const Dashboard = lazy(async () => ({ default: (await import('./dashboard.tsx')).Dashboard }))

/** The routes of this page. */
export type MetricsRoute = Extract<
  Route,
  { readonly page: 'metrics' | 'targets' | 'cardinality' | 'dashboard' }
>

const TABS: readonly (readonly [MetricsRoute, string])[] = [
  [{ page: 'metrics', query: '', range: '1h' }, 'Query'],
  [{ page: 'dashboard', service: '', range: '1h' }, 'Services'],
  [{ page: 'targets' }, 'Targets'],
  [{ page: 'cardinality' }, 'Cardinality'],
]

/** Questions in PromQL, generated dashboards, what is scraped, and what there is too much of. */
export function MetricsPage({ route }: { readonly route: MetricsRoute }): ReactNode {
  return (
    <>
      <h1 className="hidden-text">Metrics</h1>
      <nav className="tabs" aria-label="Metrics">
        {TABS.map(([to, text]) => (
          <a
            key={text}
            href={hrefOf(to)}
            aria-current={to.page === route.page ? 'page' : undefined}
          >
            {text}
          </a>
        ))}
      </nav>
      <Suspense fallback={<div className="skeleton skeleton-row" aria-busy="true" />}>
        <Panel route={route} />
      </Suspense>
    </>
  )
}

function Panel({ route }: { readonly route: MetricsRoute }): ReactNode {
  switch (route.page) {
    case 'metrics':
      return <QueryPanel key={route.query} query={route.query} range={route.range} />
    case 'dashboard':
      return <Dashboard key={route.service} service={route.service} range={route.range} />
    case 'targets':
      return <TargetsPanel />
    case 'cardinality':
      return <CardinalityPanel />
  }
}
