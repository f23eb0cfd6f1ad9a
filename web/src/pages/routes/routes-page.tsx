import type { ReactNode } from 'react'
import { useEffect, useState } from 'react'
import type { ImaginedRequest, RouteRow, TriedRoute } from '../../api/routes.ts'
import { loadRoutes, tryRequest } from '../../api/routes.ts'
import { formatNoun } from '../../format.ts'
import { hrefOf } from '../../route.ts'
import { TriedPanel } from './tried-panel.tsx'

/** More rows say nothing to a person, and cost the browser. */
const ROWS_MAX = 500

/** Where requests go, and which route a request would take that nobody has made. */
export function RoutesPage(): ReactNode {
  return (
    <>
      <h1 className="hidden-text">Routes</h1>
      <TryPanel />
      <RoutesPanel />
    </>
  )
}

const FIRST: ImaginedRequest = { method: 'GET', target: '/', host: 'localhost', headers: '' }

function TryPanel(): ReactNode {
  const [request, setRequest] = useState(FIRST)
  const [tried, setTried] = useState<TriedRoute | null>(null)
  const [error, setError] = useState('')
  const change = (part: Partial<ImaginedRequest>): void => setRequest({ ...request, ...part })
  const ask = async (): Promise<void> => {
    try {
      setTried(await tryRequest(request))
      setError('')
    } catch (failure) {
      setTried(null)
      setError(failure instanceof Error ? failure.message : String(failure))
    }
  }
  return (
    <section className="panel" aria-labelledby="try-heading">
      <div className="panel-head">
        <h2 id="try-heading">Which route would this request take?</h2>
        <span className="muted">Nothing is sent.</span>
      </div>
      <form
        className="try-form"
        onSubmit={(event) => {
          event.preventDefault()
          void ask()
        }}
      >
        <input
          className="text-input mono try-method"
          aria-label="Method"
          value={request.method}
          maxLength={32}
          onChange={(event) => change({ method: event.target.value.toUpperCase() })}
        />
        <input
          className="text-input mono try-target"
          aria-label="Path and query"
          placeholder="/orders/7?full=1"
          value={request.target}
          maxLength={8_000}
          onChange={(event) => change({ target: event.target.value })}
        />
        <input
          className="text-input mono"
          aria-label="Host"
          value={request.host}
          maxLength={300}
          onChange={(event) => change({ host: event.target.value })}
        />
        <textarea
          className="text-input mono try-headers"
          aria-label="Headers, one a line"
          placeholder="x-version: 2"
          rows={1}
          value={request.headers}
          onChange={(event) => change({ headers: event.target.value })}
        />
        <button className="button" type="submit">
          Try
        </button>
      </form>
      {error !== '' && (
        <p className="try-error" role="alert">
          {error}
        </p>
      )}
      {tried !== null && <TriedPanel tried={tried} />}
    </section>
  )
}

function RoutesPanel(): ReactNode {
  const [routes, setRoutes] = useState<readonly RouteRow[] | null>(null)
  const [error, setError] = useState('')
  useEffect(() => {
    let isHere = true
    loadRoutes().then(
      (all) => isHere && setRoutes(all),
      (failure: unknown) =>
        isHere && setError(failure instanceof Error ? failure.message : String(failure)),
    )
    return () => {
      isHere = false
    }
  }, [])
  return (
    <section className="panel" aria-labelledby="routes-heading">
      <div className="panel-head">
        <h2 id="routes-heading">Routes</h2>
        {routes !== null && <span className="muted">{formatNoun(routes.length, 'route')}</span>}
      </div>
      {error !== '' && <p role="alert">{error}</p>}
      {routes === null && error === '' && (
        <div className="skeleton skeleton-row" aria-busy="true" />
      )}
      {routes !== null && <RoutesTable routes={routes} />}
    </section>
  )
}

function RoutesTable({ routes }: { readonly routes: readonly RouteRow[] }): ReactNode {
  if (routes.length === 0) return <p className="empty">No routes: requests get 404.</p>
  return (
    <div className="table-scroll">
      <table className="table">
        <thead>
          <tr>
            <th>Route</th>
            <th>To</th>
            <th>Policies, in the order in which they run</th>
            <th>Line</th>
          </tr>
        </thead>
        <tbody>
          {routes.slice(0, ROWS_MAX).map((route) => (
            <tr key={`${route.source} ${route.id}`} data-testid={`route-${route.id}`}>
              <td className="mono">{route.pattern}</td>
              <td>
                {route.to.length === 0 && <span className="muted">answers by itself</span>}
                {route.to.map(({ service, share }) => (
                  <div key={service}>
                    <a href={hrefOf({ page: 'service', service })}>{service}</a>
                    {share < 1 && ` ${Math.round(share * 1_000) / 10} %`}
                  </div>
                ))}
              </td>
              <td>
                {route.policies.map(({ kind, from, does }, at) => (
                  <div key={`${kind} ${at}`} title={does}>
                    {kind}
                    {from !== 'route' && <span className="muted"> of {from}</span>}
                  </div>
                ))}
              </td>
              <td className="mono quiet">{route.source}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {routes.length > ROWS_MAX && (
        <p className="muted">{routes.length - ROWS_MAX} more are not shown; ask above.</p>
      )}
    </div>
  )
}
