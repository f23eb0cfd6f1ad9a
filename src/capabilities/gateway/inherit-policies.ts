import type { PolicyKind } from '../../contracts/policies.ts'
import { ownEntry } from '../../platform/own-entry.ts'
import type { SettingPath } from '../../platform/config/problems.ts'
import {
  POLICY_KINDS,
  type GroupSettings,
  type PolicyRoute,
  type PolicySettings,
  type RoutePolicies,
} from './policy-settings.ts'

/** Where policies stand that routes share. */
export interface SharedPolicies {
  readonly policies: GroupSettings
  readonly groups: Readonly<Record<string, GroupSettings>>
}

/** Where a policy of a route is written. */
export interface PolicyOrigin {
  readonly path: SettingPath
  /** `route`, `group partners` or `gateway`. */
  readonly label: string
}

/** The policies that hold for a route, and where each comes from. */
export interface EffectivePolicies {
  readonly route: PolicyRoute
  readonly origins: ReadonlyMap<PolicyKind, PolicyOrigin>
}

type OwnRoute = RoutePolicies & {
  readonly groups: readonly string[]
  readonly path: string
  readonly methods: readonly string[]
  readonly to?: string | undefined
  readonly split?: unknown
}

/**
 * What holds for a route: its own policies; for each kind that it does not name, that of the first of its groups which has it, then the gateway's. The nearest one
 * holds as a whole, nothing is mixed, and `off` ends the search.
 */
export function inheritPolicies(
  route: OwnRoute,
  routePath: SettingPath,
  shared: SharedPolicies,
): EffectivePolicies {
  const origins = new Map<PolicyKind, PolicyOrigin>()
  const chosen: [PolicyKind, unknown][] = []
  const places = placesOf(route, routePath, shared)
  for (const kind of POLICY_KINDS) {
    const place = places.find(({ given }) => says(given, kind))
    const value = place?.given[kind]
    if (place === undefined || value === 'off') continue
    chosen.push([kind, value])
    origins.set(kind, { path: place.path, label: place.label })
  }
  // Conditions of the route stand among its headers, whoever says what is changed in them.
  const headers = { ...conditionsAmong(route.headers), ...changesAmong(chosen) }
  const { groups: _groups, ...own } = route
  const none = Object.fromEntries(POLICY_KINDS.map((kind) => [kind, undefined]))
  return {
    route: { ...own, ...none, ...Object.fromEntries(chosen), headers } as PolicyRoute,
    origins,
  }
}

interface Place extends PolicyOrigin {
  readonly given: RoutePolicies
}

function placesOf(route: OwnRoute, path: SettingPath, shared: SharedPolicies): readonly Place[] {
  const groups = route.groups.flatMap((name): Place[] => {
    const given = ownEntry(shared.groups, name)
    if (given === undefined) return []
    return [{ given, path: ['gateway', 'groups', name], label: `group ${name}` }]
  })
  return [
    { given: route, path, label: 'route' },
    ...groups,
    { given: shared.policies, path: ['gateway', 'policies'], label: 'gateway' },
  ]
}

function says(given: RoutePolicies, kind: PolicyKind): boolean {
  if (kind !== 'headers') return given[kind] !== undefined
  return Object.values(given.headers).some((value) => typeof value !== 'string')
}

type Headers = RoutePolicies['headers']

function conditionsAmong(headers: Headers): Headers {
  return Object.fromEntries(
    Object.entries(headers).filter(([, value]) => typeof value === 'string'),
  )
}

function changesAmong(chosen: readonly [PolicyKind, unknown][]): Headers {
  const headers = chosen.find(([kind]) => kind === 'headers')?.[1] as Headers | undefined
  return Object.fromEntries(
    Object.entries(headers ?? {}).filter(([, value]) => typeof value !== 'string'),
  )
}

/** The policies that somebody names himself: without those that are `off`. */
export function ownPolicies<Given extends RoutePolicies>(given: Given): Given & PolicySettings {
  const entries = Object.entries(given).map(([name, value]): [string, unknown] => [
    name,
    value === 'off' ? undefined : value,
  ])
  return Object.fromEntries(entries) as unknown as Given & PolicySettings
}
