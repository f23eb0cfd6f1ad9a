import type { Route } from './route.ts'

/** One page, as the navigation offers it. */
export interface NavigationPage {
  readonly text: string
  readonly to: Route
  /** Pages that belong to it, besides its own. */
  readonly with?: readonly Route['page'][]
}

/** What somebody comes for, and the pages for it; the first one is where it leads. */
export interface NavigationGroup {
  readonly text: string
  readonly pages: readonly [NavigationPage, ...NavigationPage[]]
}

/** The whole navigation, by task. A new page is one line here. */
export const NAVIGATION: readonly NavigationGroup[] = [
  {
    text: 'System',
    pages: [
      { text: 'Overview', to: { page: 'system' }, with: ['service', 'code'] },
      { text: 'Timeline', to: { page: 'timeline', service: '', kind: '' } },
    ],
  },
  {
    text: 'Traffic',
    pages: [
      { text: 'Requests', to: { page: 'requests', requestId: '' } },
      { text: 'Routes', to: { page: 'routes' } },
    ],
  },
  {
    text: 'Explore',
    pages: [{ text: 'Logs and traces', to: { page: 'logs', view: '' }, with: ['trace'] }],
  },
  {
    text: 'Metrics',
    pages: [
      {
        text: 'Metrics',
        to: { page: 'metrics', query: '', range: '1h' },
        with: ['dashboard', 'targets', 'cardinality'],
      },
    ],
  },
  {
    text: 'Alerts',
    pages: [{ text: 'Alerts', to: { page: 'alerts', tab: 'firing', silencing: '' } }],
  },
  {
    text: 'Events',
    pages: [{ text: 'Events', to: { page: 'events', stream: '' } }],
  },
  {
    text: 'Identity',
    pages: [{ text: 'Identity', to: { page: 'identity' } }],
  },
  {
    text: 'Discovery',
    pages: [{ text: 'Keys and locks', to: { page: 'keys', path: '' } }],
  },
  {
    text: 'Settings',
    pages: [
      { text: 'Listeners & configuration', to: { page: 'configuration' } },
      { text: 'Certificates', to: { page: 'certificates' } },
    ],
  },
]

/** Whether a route is this page, or belongs to it. */
export function isOfPage(page: NavigationPage, route: Route): boolean {
  return page.to.page === route.page || page.with?.includes(route.page) === true
}

/** The group that a route belongs to. */
export function groupOf(route: Route): NavigationGroup | undefined {
  return NAVIGATION.find(({ pages }) => pages.some((page) => isOfPage(page, route)))
}
