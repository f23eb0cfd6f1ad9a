import type { AuthWay } from '../../contracts/auth.ts'
import type { LimitBy, LimitSpec, PolicySpec } from '../../contracts/policies.ts'

/** What a policy does, in a sentence without its secrets. */
export function describePolicy(policy: PolicySpec): string {
  switch (policy.kind) {
    case 'cors':
      return `pages of ${policy.spec.origins.join(', ')} may call`
    case 'ip': {
      const { allow, deny } = policy.spec
      const who = allow.length === 0 ? 'everybody' : allow.join(', ')
      return `${who} may call${deny.length === 0 ? '' : `, but not ${deny.join(', ')}`}`
    }
    case 'limit':
      return `${describeLimit(policy.spec)}, ${describeBy(policy.spec.by)}`
    case 'auth': {
      const { ways, needs, forward } = policy.spec
      const told =
        forward.length === 0 ? '' : `; tells ${forward.map(([, header]) => header).join(', ')}`
      return `${ways.map(describeWay).join(needs === 'any' ? ', or ' : ', and ')}${told}`
    }
    case 'quota':
      return `${policy.spec.requests} a ${policy.spec.per}, ${describeBy(policy.spec.by)}`
    case 'fault': {
      const { delay, abort } = policy.spec
      const parts = [
        ...(abort ? [`${percent(abort.share)} fail with ${abort.status}`] : []),
        ...(delay ? [`${percent(delay.share)} wait ${delay.ms} ms`] : []),
      ]
      return `on purpose ${parts.join(', ')}`
    }
    case 'headers': {
      const { request, response } = policy.spec
      const count = (changes: typeof request): number =>
        changes.set.length + changes.add.length + changes.remove.length
      return `changes ${count(request)} of the request, ${count(response)} of the answer`
    }
    case 'rewrite': {
      const { path, query, headers } = policy.spec
      const parts = [
        ...(path === '' ? [] : [`the path is ${path}`]),
        ...(query.set.length + query.remove.length === 0 ? [] : ['parameters are changed']),
        ...(headers.length === 0 ? [] : [`sets ${headers.map(([name]) => name).join(', ')}`]),
      ]
      return parts.join('; ')
    }
    case 'mirror':
      return `a copy of ${percent(policy.spec.share)} goes to ${policy.spec.service}`
    case 'compress':
      return `with ${policy.spec.encodings.join(', ')} from ${policy.spec.bytesMin} bytes on`
    case 'redirect':
      return `answers ${policy.spec.status} to ${policy.spec.to}`
    case 'respond':
      return `answers ${policy.spec.status} by itself`
    default:
      return policy satisfies never
  }
}

function describeLimit(spec: LimitSpec): string {
  switch (spec.algorithm) {
    case 'window':
      return `${spec.requests} within ${spec.windowMs / 1_000} s`
    case 'concurrency':
      return `${spec.requests} at a time`
    case undefined:
    case 'bucket':
      return `${spec.rate}, burst ${spec.burst}`
    default:
      return spec satisfies never
  }
}

function describeBy(by: LimitBy): string {
  return typeof by === 'string' ? `by ${by}` : `by header ${by.header}`
}

function describeWay(way: AuthWay): string {
  const demands = [...way.scopes, ...way.roles, ...way.claims.map(([path]) => path)]
  const needs = demands.length === 0 ? '' : ` with ${demands.join(', ')}`
  switch (way.way) {
    case 'jwt': {
      const audience = way.audiences.length === 0 ? '' : ` for ${way.audiences.join(' or ')}`
      return `a JWT of ${way.issuers.join(' or ')}${audience}${needs}`
    }
    case 'key':
      return `one of ${way.keys.length} keys in ${way.header}${needs}`
    case 'basic':
      return `name and password of ${way.users.length}${needs}`
    case 'signature':
      return `a signature over ${way.covers.join(', ')}${needs}`
    case 'introspection':
      return `a token that ${new URL(way.url).host} calls active${needs}`
    case 'certificate':
      return `a certificate${way.authorities.length === 0 ? '' : ` by ${way.authorities.join(' or ')}`}${needs}`
    default:
      return way satisfies never
  }
}

function percent(share: number): string {
  return `${Math.round(share * 1_000) / 10} %`
}
