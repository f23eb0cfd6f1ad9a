import { useSyncExternalStore } from 'react'

/** The pages. They live behind the `#`, so that going from one to another asks the server for nothing. */
export type Route =
  | { readonly page: 'system' }
  | { readonly page: 'service'; readonly service: string }
  | { readonly page: 'requests'; readonly requestId: string }
  /** Of one service and one kind of event; '' is all. */
  | { readonly page: 'timeline'; readonly service: string; readonly kind: string }
  | { readonly page: 'configuration' }
  | { readonly page: 'routes' }
  | { readonly page: 'identity' }
  /** A key, or a folder of keys, which ends with a slash; '' is all. */
  | { readonly page: 'keys'; readonly path: string }
  | { readonly page: 'certificates' }
  | { readonly page: 'code'; readonly code: string }
  /** `silencing`: matchers of a silence that is about to be made, one a line. */
  | { readonly page: 'alerts'; readonly tab: AlertsTab; readonly silencing: string }
  /** `range`: `1h`, or `FROM-TO` in seconds. */
  | { readonly page: 'metrics'; readonly query: string; readonly range: string }
  | { readonly page: 'dashboard'; readonly service: string; readonly range: string }
  | { readonly page: 'targets' }
  | { readonly page: 'cardinality' }

/** Parts of the page of alerts. */
export type AlertsTab = 'firing' | 'slos' | 'silences' | 'deliveries'

const RANGE_DEFAULT = '1h'

/** Reads the part after `#`; what is unknown is the start page. */
export function parseRoute(hash: string): Route {
  const [page = '', rest = '', more = ''] = hash.replace(/^#?\/?/, '').split('/')
  const argument = decode(rest)
  switch (page) {
    case 'services':
      return argument === '' ? { page: 'system' } : { page: 'service', service: argument }
    case 'requests':
      return { page: 'requests', requestId: argument }
    case 'timeline':
      return { page: 'timeline', service: argument === '-' ? '' : argument, kind: decode(more) }
    case 'configuration':
    case 'config':
    case 'listeners':
      return { page: 'configuration' }
    case 'routes':
      return { page: 'routes' }
    case 'identity':
      return { page: 'identity' }
    case 'keys':
      return { page: 'keys', path: argument }
    case 'certificates':
      return { page: 'certificates' }
    case 'alerts':
      return { page: 'alerts', tab: tabOf(argument), silencing: decode(more) }
    case 'metrics':
      return { page: 'metrics', query: argument, range: more || RANGE_DEFAULT }
    case 'dashboard':
      return { page: 'dashboard', service: argument, range: more || RANGE_DEFAULT }
    case 'targets':
      return { page: 'targets' }
    case 'cardinality':
      return { page: 'cardinality' }
    case 'codes':
      return { page: 'code', code: argument }
    default:
      return { page: 'system' }
  }
}

/** The address of a page, for `href`. */
export function hrefOf(route: Route): string {
  switch (route.page) {
    case 'system':
      return '#/'
    case 'service':
      return `#/services/${encodeURIComponent(route.service)}`
    case 'requests':
      return route.requestId === ''
        ? '#/requests'
        : `#/requests/${encodeURIComponent(route.requestId)}`
    case 'timeline': {
      const { service, kind } = route
      if (service === '' && kind === '') return '#/timeline'
      const part = service === '' ? '-' : encodeURIComponent(service)
      return kind === '' ? `#/timeline/${part}` : `#/timeline/${part}/${encodeURIComponent(kind)}`
    }
    case 'configuration':
      return '#/configuration'
    case 'routes':
      return '#/routes'
    case 'identity':
      return '#/identity'
    case 'keys':
      return route.path === '' ? '#/keys' : `#/keys/${encodeURIComponent(route.path)}`
    case 'certificates':
      return '#/certificates'
    case 'alerts':
      return route.silencing === ''
        ? `#/alerts${route.tab === 'firing' ? '' : `/${route.tab}`}`
        : `#/alerts/${route.tab}/${encodeURIComponent(route.silencing)}`
    case 'metrics':
      return `#/metrics/${encodeURIComponent(route.query)}/${route.range}`
    case 'dashboard':
      return `#/dashboard/${encodeURIComponent(route.service)}/${route.range}`
    case 'targets':
      return '#/targets'
    case 'cardinality':
      return '#/cardinality'
    case 'code':
      return `#/codes/${encodeURIComponent(route.code)}`
    default:
      return route satisfies never
  }
}

/** The address behind the `#` for a deep link such as `/services/orders`; null where the path is the console's own. */
export function hashOfPath(pathname: string): string | null {
  return pathname === '/' || pathname === '/index.html' ? null : `#${pathname}`
}

/** Goes to a page, as a click on its link would. */
export function openRoute(route: Route): void {
  window.location.hash = hrefOf(route)
}

/** The page that the address names now. */
export function useHash(): string {
  return useSyncExternalStore(
    (listener) => {
      window.addEventListener('hashchange', listener)
      return () => window.removeEventListener('hashchange', listener)
    },
    () => window.location.hash,
  )
}

function tabOf(text: string): AlertsTab {
  return text === 'slos' || text === 'silences' || text === 'deliveries' ? text : 'firing'
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
