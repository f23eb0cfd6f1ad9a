import { type Labels, labelsOf } from '../labels/labels.ts'
import type { Matcher } from '../promql/queryable.ts'
import { compileMatchers, type LabelTest } from './compile-matchers.ts'

/** Who is told of alerts, and how often; Alertmanager's route. Milliseconds. */
export interface RouteSpec {
  readonly matchers: readonly Matcher[]
  readonly receiver: string
  /** Alerts with the same values of these labels are told together; `...` stands for all labels. */
  readonly groupBy: readonly string[]
  /** The first message of a group waits so long for others. */
  readonly groupWaitMs: number
  /** Changes of a group are told so often. */
  readonly groupIntervalMs: number
  /** What has not changed is told again after so long. */
  readonly repeatIntervalMs: number
  /** The routes behind it are asked too. */
  readonly continues: boolean
  readonly routes: readonly RouteSpec[]
}

/** A route that is ready to be asked. */
export interface Route extends Omit<RouteSpec, 'routes'> {
  /** Its place in the tree: `0`, `0.2`. */
  readonly path: string
  readonly routes: readonly Route[]
  readonly matches: LabelTest
}

/** Compiles a tree. Throws `PatternError`. */
export function compileRoute(spec: RouteSpec, path = '0'): Route {
  return {
    ...spec,
    path,
    matches: compileMatchers(spec.matchers),
    routes: spec.routes.map((route, at) => compileRoute(route, `${path}.${at}`)),
  }
}

/** The routes that an alert takes: the deepest ones that match, in order; those behind a match only where it continues. */
export function routesOf(route: Route, labels: Labels): readonly Route[] {
  if (!route.matches(labels)) return []
  const found: Route[] = []
  for (const child of route.routes) {
    const some = routesOf(child, labels)
    found.push(...some)
    if (some.length > 0 && !child.continues) break
  }
  return found.length === 0 ? [route] : found
}

/** The labels by which an alert is grouped. */
export function groupLabelsOf({ groupBy }: Pick<Route, 'groupBy'>, labels: Labels): Labels {
  if (groupBy.includes('...')) return labels
  return labelsOf(groupBy.map((name) => [name, labels.get(name)]))
}
