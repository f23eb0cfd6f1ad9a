import { useSyncExternalStore } from 'react'

/** The pages. They live behind the `#`, so that the server needs no rule for them and a path prefix does no harm. */
export type Route =
  | { readonly page: 'system' }
  | { readonly page: 'service'; readonly service: string }
  | { readonly page: 'requests'; readonly requestId: string }
  | { readonly page: 'configuration' }
  | { readonly page: 'code'; readonly code: string }

/** Reads the part after `#`; what is unknown is the start page. */
export function parseRoute(hash: string): Route {
  const [page = '', rest = ''] = hash.replace(/^#?\/?/, '').split('/')
  const argument = decode(rest)
  switch (page) {
    case 'services':
      return argument === '' ? { page: 'system' } : { page: 'service', service: argument }
    case 'requests':
      return { page: 'requests', requestId: argument }
    case 'configuration':
      return { page: 'configuration' }
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
      return route.requestId === '' ? '#/requests' : `#/requests/${encodeURIComponent(route.requestId)}`
    case 'configuration':
      return '#/configuration'
    case 'code':
      return `#/codes/${encodeURIComponent(route.code)}`
    default:
      return route satisfies never
  }
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

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
