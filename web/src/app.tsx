import type { ReactNode } from 'react'
import { useEffect, useRef } from 'react'
import { ConnectionBanner } from './ui/banner.tsx'
import { TopBar } from './ui/top-bar.tsx'
import { Toasts } from './ui/toasts.tsx'
import { useFeed } from './feed/store.ts'
import { CertificatesPage } from './pages/certificates/certificates-page.tsx'
import { AlertsPage } from './pages/alerts/alerts-page.tsx'
import { CodePage } from './pages/code-page.tsx'
import { ConfigurationPage } from './pages/configuration/configuration-page.tsx'
import { IdentityPage } from './pages/identity/identity-page.tsx'
import { KeysPage } from './pages/keys/keys-page.tsx'
import { MetricsPage } from './pages/metrics/metrics-page.tsx'
import { RequestsPage } from './pages/requests/requests-page.tsx'
import { RoutesPage } from './pages/routes/routes-page.tsx'
import { ServicePage } from './pages/service/service-page.tsx'
import { SystemPage } from './pages/system/system-page.tsx'
import { TimelinePage } from './pages/timeline/timeline-page.tsx'
import type { Route } from './route.ts'
import { parseRoute, useHash } from './route.ts'

/** The frame around every page: skip link, bar, banner, the page, toasts. */
export function App(): ReactNode {
  const route = parseRoute(useHash())
  const main = useRef<HTMLElement>(null)
  const hasPicture = useFeed((now) => now.system !== null)
  const system = useFeed((now) => now.system?.name ?? '')
  const title = titleOf(route)
  const isFirst = useRef(true)
  useEffect(() => {
    document.title = [title, system, 'Backplane'].filter((part) => part !== '').join(' · ')
  }, [title, system])
  useEffect(() => {
    // A reader of the page hears that it changed; the first page keeps the browser's own focus.
    if (!isFirst.current) main.current?.focus({ preventScroll: true })
    isFirst.current = false
    window.scrollTo(0, 0)
  }, [title])
  return (
    <>
      <a
        className="skip-link"
        href="#main"
        onClick={(event) => {
          event.preventDefault()
          main.current?.focus()
        }}
      >
        Skip to content
      </a>
      <TopBar route={route} />
      <ConnectionBanner />
      <main id="main" ref={main} tabIndex={-1} aria-label={title || 'System'}>
        {hasPicture ? <Page route={route} /> : <Waiting />}
      </main>
      <Toasts />
    </>
  )
}

function Page({ route }: { readonly route: Route }): ReactNode {
  switch (route.page) {
    case 'system':
      return <SystemPage />
    case 'service':
      return <ServicePage key={route.service} name={route.service} />
    case 'requests':
      return <RequestsPage requestId={route.requestId} />
    case 'timeline':
      return <TimelinePage route={route} />
    case 'configuration':
      return <ConfigurationPage />
    case 'routes':
      return <RoutesPage />
    case 'identity':
      return <IdentityPage />
    case 'keys':
      return <KeysPage path={route.path} />
    case 'certificates':
      return <CertificatesPage />
    case 'alerts':
      return <AlertsPage tab={route.tab} silencing={route.silencing} />
    case 'metrics':
    case 'dashboard':
    case 'targets':
    case 'cardinality':
      return <MetricsPage route={route} />
    case 'code':
      return <CodePage key={route.code} code={route.code} />
    default:
      return route satisfies never
  }
}

function titleOf(route: Route): string {
  switch (route.page) {
    case 'system':
      return ''
    case 'service':
      return route.service
    case 'requests':
      return route.requestId === '' ? 'Requests' : `Request ${route.requestId}`
    case 'timeline':
      return route.service === '' ? 'Timeline' : `Timeline of ${route.service}`
    case 'configuration':
      return 'Listeners and configuration'
    case 'routes':
      return 'Routes'
    case 'identity':
      return 'Identity'
    case 'keys':
      return route.path === '' ? 'Keys and locks' : `Keys: ${route.path}`
    case 'certificates':
      return 'Certificates'
    case 'alerts':
      return { firing: 'Alerts', slos: 'SLOs', silences: 'Silences', deliveries: 'Deliveries' }[
        route.tab
      ]
    case 'metrics':
      return 'Metrics'
    case 'dashboard':
      return 'Metrics of services'
    case 'targets':
      return 'Targets'
    case 'cardinality':
      return 'Cardinality'
    case 'code':
      return route.code
    default:
      return route satisfies never
  }
}

function Waiting(): ReactNode {
  return (
    <div className="waiting" aria-busy="true">
      <div className="skeleton skeleton-line" />
      <div className="skeleton skeleton-row" />
      <div className="skeleton skeleton-map" />
    </div>
  )
}
