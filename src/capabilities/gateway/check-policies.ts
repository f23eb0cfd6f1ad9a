import type { z } from 'zod'
import type { PolicyKind } from '../../contracts/policies.ts'
import { OriginError, parseOriginPattern } from '../../mechanisms/cors/origin.ts'
import { parseRedirectTarget, RedirectTargetError } from '../../mechanisms/redirect/redirect.ts'
import {
  parseRequestTemplate,
  RequestTemplateError,
} from '../../mechanisms/request-template/request-template.ts'
import { RoutePatternError } from '../../mechanisms/routing/pattern.ts'
import {
  explainFieldName,
  explainFieldValue,
} from '../../mechanisms/settable-fields/settable-fields.ts'
import { explainBadCidr } from '../../platform/config/addresses.ts'
import type { SettingPath, SettingProblem } from '../../platform/config/problems.ts'
import { checkAuth } from './check-auth.ts'
import type { TrustedIssuers } from './trusted-issuers.ts'
import {
  type ChangeSettings,
  type limitSettings,
  policyKindsOf,
  type PolicyRoute,
  type SettingsOf,
} from './policy-settings.ts'

type Check = {
  readonly [Kind in PolicyKind]: (
    given: SettingsOf<Kind>,
    route: PolicyRoute,
    path: SettingPath,
    issuers: TrustedIssuers,
  ) => readonly SettingProblem[]
}

const check: Check = {
  cors: checkCors,
  ip: (ip, _route, path) => checkIp(ip, path),
  limit: (limit, _route, path) =>
    Array.isArray(limit)
      ? limit.flatMap((each, at) => checkLimit(each, [...path, at]))
      : checkLimit(limit, path),
  auth: (auth, _route, path, issuers) => checkAuth(auth, issuers, path),
  quota: (quota, _route, path) =>
    [quota].flat().flatMap(({ by }, at) => {
      const own = Array.isArray(quota) ? [...path, at] : path
      return typeof by === 'string' ? [] : checkToken(by.header, [...own, 'by', 'header'])
    }),
  fault: ({ delay, abort }, _route, path) =>
    delay === undefined && abort === undefined
      ? [conflict(path, 'does nothing; write delay or abort')]
      : [],
  headers: checkHeaders,
  rewrite: checkRewrite,
  mirror: () => [],
  compress: () => [],
  redirect: checkRedirect,
  respond: checkRespond,
}

/** What no single setting of a route's or group's own policies can know. `path` is that of the route or group. */
export function checkPolicies(
  route: PolicyRoute,
  path: SettingPath,
  issuers: TrustedIssuers,
): readonly SettingProblem[] {
  return policyKindsOf(route).flatMap((kind) => {
    // Kind and settings belong together by the type of `check`, which an index does not carry over.
    const find = check[kind] as (...all: unknown[]) => readonly SettingProblem[]
    return find(route[kind], route, [...path, kind], issuers)
  })
}

function checkCors(
  cors: SettingsOf<'cors'>,
  _route: PolicyRoute,
  path: SettingPath,
): readonly SettingProblem[] {
  const origins = cors.origins.flatMap((origin, at) =>
    invalidBy(() => parseOriginPattern(origin), [...path, 'origins', at], origin),
  )
  const names = (['headers', 'exposes'] as const).flatMap((key) =>
    (cors[key] ?? []).flatMap((name, at) =>
      name === '*' ? [] : checkToken(name, [...path, key, at]),
    ),
  )
  const stars = (['origins', 'headers', 'exposes'] as const).flatMap((key) => {
    if (!cors.credentials || !cors[key]?.includes('*')) return []
    const message = `may not be * with credentials: browsers refuse it, since any page could act for its visitor; name ${key === 'origins' ? 'the origins' : 'the headers'}`
    return [conflict([...path, key], message)]
  })
  return [...origins, ...names, ...stars]
}

type Limit = z.output<typeof limitSettings>

function checkLimit(limit: Limit, path: SettingPath): readonly SettingProblem[] {
  const { rate: perSecond, by } = limit
  const names = typeof by === 'string' ? [] : checkToken(by.header, [...path, 'by', 'header'])
  const none =
    perSecond === 0
      ? [
          invalid(
            [...path, 'rate'],
            'would let nothing through after the burst; for a route that is closed write respond: { status: 503 }',
          ),
        ]
      : []
  return [...names, ...none, ...checkOneWay(limit, path)]
}

/** What holds for a route, wherever it stands: without `auth` all are nobody, and would be counted together. */
export function checkSubjects(
  effective: PolicyRoute,
  path: SettingPath,
): readonly SettingProblem[] {
  if (effective.auth !== undefined) return []
  return (['limit', 'quota'] as const).flatMap((kind) => {
    const all = [effective[kind] ?? []].flat()
    if (!all.some(({ by }) => by === 'subject')) return []
    const message = `counts by subject (${kind}), and nothing finds out who calls; add auth, or count by something else`
    return [conflict(path, message, 'value')]
  })
}

function checkOneWay(limit: Limit, path: SettingPath): readonly SettingProblem[] {
  const { rate, requests, window, concurrency, burst } = limit
  const ways = [rate, requests ?? window, concurrency].filter((way) => way !== undefined)
  if (ways.length !== 1) {
    const message =
      'says one of three: rate (a token bucket), requests with window (a sliding window), or concurrency (at a time)'
    return [conflict(path, message)]
  }
  if ((requests === undefined) !== (window === undefined))
    return [conflict(path, 'needs both of requests and window')]
  if (burst !== undefined && rate === undefined)
    return [conflict([...path, 'burst'], 'belongs to rate only')]
  return []
}

function checkIp(ip: SettingsOf<'ip'>, path: SettingPath): readonly SettingProblem[] {
  return (['allow', 'deny'] as const).flatMap((key) =>
    ip[key].flatMap((block, at) => {
      const why = explainBadCidr(block)
      return why === undefined ? [] : [invalid([...path, key, at], `${block} ${why}`)]
    }),
  )
}

function checkRewrite(
  { path: target, query, headers }: SettingsOf<'rewrite'>,
  route: PolicyRoute,
  path: SettingPath,
): readonly SettingProblem[] {
  const template = (text: string, at: SettingPath): readonly SettingProblem[] =>
    invalidBy(() => parseRequestTemplate(text, route.path), at, text)
  const names = Object.keys(headers).flatMap((name) =>
    checkName(name, undefined, [...path, 'headers', name], 'key'),
  )
  const shape =
    target !== undefined && /[?#\\\s]/.test(target)
      ? [invalid([...path, 'path'], 'is a path only; parameters belong to query')]
      : []
  return [
    ...shape,
    ...(target === undefined ? [] : template(target, [...path, 'path'])),
    ...Object.entries(query.set).flatMap(([name, text]) =>
      template(text, [...path, 'query', 'set', name]),
    ),
    ...names,
    ...Object.entries(headers).flatMap(([name, text]) => {
      const why = explainFieldValue(text)
      const at = [...path, 'headers', name]
      return why === undefined ? template(text, at) : [invalid(at, why)]
    }),
  ]
}

function checkHeaders(
  headers: SettingsOf<'headers'>,
  route: PolicyRoute,
  path: SettingPath,
): readonly SettingProblem[] {
  return Object.entries(headers).flatMap(([name, value]) => {
    if (typeof value === 'string') return []
    if (name === 'request') return checkChanges(value, undefined, [...path, name])
    if (name === 'response') return checkChanges(value, route, [...path, name])
    const message =
      'is a map; only request and response have one, for what is changed. A header that a request must have is a text'
    return [conflict([...path, name], message)]
  })
}

function checkChanges(
  changes: ChangeSettings,
  route: PolicyRoute | undefined,
  path: SettingPath,
): readonly SettingProblem[] {
  const removed = changes.remove.flatMap((name, at) =>
    checkName(name, route, [...path, 'remove', at], 'value'),
  )
  const both = changes.remove.flatMap((name, at) => {
    const set = Object.keys(changes.set).map((each) => each.toLowerCase())
    if (!set.includes(name.toLowerCase())) return []
    const message = `${name} is in set too, which replaces it already; remove it here`
    return [conflict([...path, 'remove', at], message, 'value')]
  })
  return [
    ...checkFields(changes.set, route, [...path, 'set']),
    ...checkFields(changes.add, route, [...path, 'add']),
    ...removed,
    ...both,
  ]
}

function checkFields(
  fields: Readonly<Record<string, string>>,
  route: PolicyRoute | undefined,
  path: SettingPath,
): readonly SettingProblem[] {
  const entries = Object.entries(fields)
  return entries.flatMap(([name, text], at) => {
    const own = checkName(name, route, [...path, name], 'key')
    const why = explainFieldValue(text)
    const value = why === undefined ? [] : [invalid([...path, name], why)]
    const same = entries.find(([other]) => other.toLowerCase() === name.toLowerCase())
    const isSecond = entries.findIndex(([other]) => other === same?.[0]) < at
    const message = `is ${same?.[0]} again, in another spelling; keep one of them`
    return [...own, ...value, ...(isSecond ? [conflict([...path, name], message)] : [])]
  })
}

function checkName(
  name: string,
  route: PolicyRoute | undefined,
  path: SettingPath,
  at: 'key' | 'value',
): readonly SettingProblem[] {
  const why = explainFieldName(name)
  if (why !== undefined) return [{ ...invalid(path, `${name} ${why}`), at }]
  if (route?.cors === undefined || !name.toLowerCase().startsWith('access-control-')) return []
  return [conflict(path, `${name} is written by cors of this route; set it there`, at)]
}

function checkRedirect(
  { to }: SettingsOf<'redirect'>,
  route: PolicyRoute,
  path: SettingPath,
): readonly SettingProblem[] {
  return [
    ...checkAlone('redirect', route, path),
    ...invalidBy(() => parseRedirectTarget(to, route.path), [...path, 'to'], to),
  ]
}

function checkRespond(
  respond: SettingsOf<'respond'>,
  route: PolicyRoute,
  path: SettingPath,
): readonly SettingProblem[] {
  const { status, body, contentType, headers } = respond
  const hasNone = status === 204 || status === 205 || status === 304
  const bodies =
    hasNone && body !== ''
      ? [conflict([...path, 'body'], `must be empty: an answer with status ${status} has none`)]
      : []
  const why = explainFieldValue(contentType)
  const types = why === undefined ? [] : [invalid([...path, 'contentType'], why)]
  const own = Object.keys(headers)
    .filter((name) => name.toLowerCase() === 'content-type')
    .map((name) => conflict([...path, 'headers', name], 'has its own setting, contentType'))
  return [
    ...checkAlone('respond', route, path),
    ...bodies,
    ...types,
    ...own,
    ...checkFields(headers, route, [...path, 'headers']),
  ]
}

/** Who answers instead of a service has none. */
function checkAlone(
  kind: 'redirect' | 'respond',
  route: PolicyRoute,
  path: SettingPath,
): readonly SettingProblem[] {
  const others: readonly [string, boolean][] = [
    ['to', route.to !== undefined],
    ['split', route.split !== undefined],
    ['redirect', kind === 'respond' && route.redirect !== undefined],
  ]
  return others
    .filter(([, isGiven]) => isGiven)
    .map(([name]) => conflict(path, `excludes ${name}: the gateway answers by itself; remove one`))
}

/** A name that is only compared, so any token will do. */
function checkToken(name: string, path: SettingPath): readonly SettingProblem[] {
  if (/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) return []
  return [invalid(path, `${name} is no field name`)]
}

function invalidBy(parse: () => unknown, path: SettingPath, shown: string): SettingProblem[] {
  try {
    parse()
    return []
  } catch (error) {
    const isOurs =
      error instanceof OriginError ||
      error instanceof RedirectTargetError ||
      error instanceof RequestTemplateError
    if (isOurs) return [invalid(path, `${shown} ${error.message}`)]
    // A path that is no pattern has its own problem.
    if (error instanceof RoutePatternError) return []
    throw error
  }
}

function invalid(path: SettingPath, message: string): SettingProblem {
  return { path, code: 'ERR_CONFIG_VALUE_INVALID', message }
}

function conflict(path: SettingPath, message: string, at: 'key' | 'value' = 'key'): SettingProblem {
  return { path, code: 'ERR_CONFIG_CONFLICT', message, at }
}
