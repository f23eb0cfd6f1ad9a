import {
  createRequestDrops,
  createResponseDrops,
  type Drops,
} from '../../mechanisms/http1/drops.ts'
import { headerValue, type RequestHead } from '../../mechanisms/http1/request-head.ts'
import type { RequestFields } from '../../mechanisms/routing/conditions.ts'
import { compileRoutes, type RouteTable } from '../../mechanisms/routing/routing.ts'
import { OWN_REQUEST_FIELDS, TRUSTED_REQUEST_FIELDS } from '../client/peer.ts'
import { type CompiledPolicies, compilePolicies } from '../policies/compile.ts'
import type { PolicyGround } from '../policies/policy.ts'
import type { RouteSpec } from '../../contracts/snapshot.ts'
import type { TotalsCollector } from '../totals/worker-totals.ts'
import type { EdgeCounters } from '../totals/counters.ts'

/** Fields of answers that the gateway writes itself. */
export const OWN_RESPONSE_FIELDS = ['x-request-id'] as const

/** One service that a route leads to. */
export interface RouteTarget {
  readonly service: string
  readonly weight: number
  readonly edge: EdgeCounters
  /** What `why` says of the draw; '' where there is no other target. */
  readonly draw: string
}

/** A route with what a request needs at hand. */
export interface Route {
  readonly spec: RouteSpec
  readonly targets: readonly RouteTarget[]
  readonly weightSum: number
  /** Null where there is none. */
  readonly policies: CompiledPolicies | null
  /** Null where the policies drop nothing: then those of the peer hold, and the worker's. */
  readonly drops: RouteDrops | null
  readonly fixedRequestLines: string
  readonly fixedResponseLines: Uint8Array
}

/** The compiled routes of one snapshot. */
export interface Routes {
  readonly table: RouteTable
  readonly list: readonly Route[]
}

/** @throws RoutePatternError, PolicyKindError and what a policy says of a specification that control should not have let through. */
export function createRoutes(
  specs: readonly RouteSpec[],
  totals: TotalsCollector,
  ground: PolicyGround,
): Routes {
  return {
    table: compileRoutes(specs),
    list: specs.map((spec) => createRoute(spec, totals, ground)),
  }
}

function createRoute(spec: RouteSpec, totals: TotalsCollector, ground: PolicyGround): Route {
  const policies = spec.policies.length === 0 ? null : compilePolicies(spec.policies, ground)
  const weightSum = spec.to.reduce((sum, target) => sum + target.weight, 0)
  const shares = spec.to.map(({ service, weight }) => `${service} ${percent(weight / weightSum)}`)
  return {
    spec,
    targets: spec.to.map(({ service, weight }) => ({
      service,
      weight,
      edge: totals.edge('', spec.id, service),
      draw: spec.to.length < 2 ? '' : `drew ${service} among ${shares.join(', ')}`,
    })),
    weightSum,
    policies,
    drops: policies === null ? null : dropsOf(policies),
    fixedRequestLines: policies?.fixedRequestLines ?? '',
    fixedResponseLines: Buffer.from(policies?.fixedResponseLines ?? '', 'latin1'),
  }
}

function percent(share: number): string {
  return `${Math.round(share * 1_000) / 10} %`
}

function dropsOf({ dropsRequestFields, dropsResponseFields }: CompiledPolicies): RouteDrops | null {
  if (dropsRequestFields.length + dropsResponseFields.length === 0) return null
  const names = [...OWN_REQUEST_FIELDS, ...dropsRequestFields]
  return {
    trusted: createRequestDrops({ isPeerTrusted: true, names }),
    untrusted: createRequestDrops({
      isPeerTrusted: false,
      names: [...names, ...TRUSTED_REQUEST_FIELDS],
    }),
    response: createResponseDrops([...OWN_RESPONSE_FIELDS, ...dropsResponseFields]),
  }
}

/** A weighted draw among the services of a split; undefined for a route without any weight. */
export function chooseTarget(route: Route, random: () => number): RouteTarget | undefined {
  if (route.targets.length === 1) return route.targets[0]
  let point = random() * route.weightSum
  for (const target of route.targets) {
    point -= target.weight
    if (point < 0) return target
  }
  return route.targets.findLast((target) => target.weight > 0)
}

/** The head of the request that is being routed, as conditions of routes ask for it. One a worker: routing is synchronous. */
export class HeadFields implements RequestFields {
  #head: RequestHead | null = null
  #bytes: Buffer | null = null

  /** From now on it answers for this head. */
  of(head: RequestHead, bytes: Buffer): this {
    this.#head = head
    this.#bytes = bytes
    return this
  }

  header(lowerName: string): string | undefined {
    return headerValue(this.#bytes!, this.#head!, lowerName)
  }

  get query(): string {
    const { target, pathEnd } = this.#head!
    return target.slice(pathEnd + 1)
  }
}

/** Fields that are not forwarded, for requests of peers that are believed, of those that are not, and for answers. */
export interface RouteDrops {
  readonly trusted: Drops
  readonly untrusted: Drops
  readonly response: Drops
}
