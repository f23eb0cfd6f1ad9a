import { z } from 'zod'
import { formatHostPort, parseHostPort } from '../../platform/config/addresses.ts'
import { duration } from '../../platform/config/units.ts'
import { DiscoveryError } from './errors.ts'
import type { CheckSpec } from './check-spec.ts'
import type { InstanceSpec, PlacesBeside, StatusOverride } from './model.ts'

/** Named bounds on what a registration may bring; errors name them. */
export const REGISTRATION_LIMITS = {
  serviceCharactersMax: 128,
  idCharactersMax: 256,
  hostCharactersMax: 253,
  weightMax: 1000,
  tagsMax: 64,
  tagCharactersMax: 255,
  metaMax: 64,
  metaKeyCharactersMax: 128,
  metaValueCharactersMax: 512,
  checksMax: 32,
  pathCharactersMax: 2048,
  checkCharactersMax: 16 * 1024,
  documentCharactersMax: 32 * 1024,
} as const

const limits = REGISTRATION_LIMITS

/** A text of at most so many characters; the refusal names the limit. */
function text(limit: keyof typeof limits) {
  const max = limits[limit]
  return z.string().max(max, `is longer than ${max} characters (${limit})`)
}

const host = text('hostCharactersMax')
  .refine(
    (value) => parseHostPort(formatHostPort({ host: value, port: 1 })) !== undefined,
    'is not an address or a host name',
  )
  .describe('Address or host name, without port; IPv6 without brackets.')
const printable = /^[^\p{Cc}]*$/u

const times = {
  id: text('idCharactersMax').min(1).regex(printable, 'has control characters').optional(),
  interval: duration({ min: '100ms', max: '1h' }).prefault('2s').describe('Between two checks.'),
  timeout: duration({ min: '10ms', max: '10m' }).prefault('1s').describe('No answer is a failure.'),
  healthy: z.int().min(1).max(100).default(1).describe('Passing in a row until it is routable.'),
  unhealthy: z.int().min(1).max(100).default(3).describe('Failing in a row until it is not.'),
  startup: duration({ min: '0s', max: '1h' }).prefault('0s').describe('Failures do not count.'),
}

const checkSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('http'),
    path: text('pathCharactersMax').regex(/^\/[!-~]*$/, 'is not a path'),
    ...times,
  }),
  z.strictObject({ kind: z.literal('tcp'), ...times }),
  z.strictObject({
    kind: z.literal('ttl'),
    id: times.id,
    ttl: duration({ min: '1s', max: '24h' }).describe(
      'Critical when nobody reports for this long.',
    ),
  }),
])

/** The body of a registration over the admin API. The source of its OpenAPI schema, too. */
export const registrationSchema = z.strictObject({
  host,
  port: z.int().min(1).max(65535),
  ttl: duration({ min: '1s', max: '24h' })
    .optional()
    .describe('Lease; renew it well before its end. Default: discovery.lease.'),
  weight: z
    .int()
    .min(1)
    .max(limits.weightMax, `is beyond ${limits.weightMax} (weightMax)`)
    .default(1),
  tags: z
    .array(text('tagCharactersMax').regex(printable, 'has control characters'))
    .max(limits.tagsMax, `has more than ${limits.tagsMax} tags (tagsMax)`)
    .default([]),
  meta: z
    .record(
      z
        .string()
        .max(limits.metaKeyCharactersMax, 'is too long (metaKeyCharactersMax)')
        .regex(/^[A-Za-z0-9_.-]+$/, 'is not a key'),
      text('metaValueCharactersMax'),
    )
    .refine(
      (meta) => Object.keys(meta).length <= limits.metaMax,
      `has more than ${limits.metaMax} entries (metaMax)`,
    )
    .default({}),
  checks: z
    .array(checkSchema)
    .max(limits.checksMax, `has more than ${limits.checksMax} checks (checksMax)`)
    .default([]),
})

/** The body that changes or clears the override of an instance. */
export const overrideSchema = z.strictObject({
  status: z
    .enum(['up', 'out-of-service', 'maintenance', 'clear'])
    .describe('up keeps it in rotation whatever its checks say; clear ends the override.'),
})

/** A registration that was checked. */
export interface Registration {
  readonly spec: InstanceSpec
  readonly checks: readonly CheckSpec[]
  /** The lease: it is removed when nobody renews for so long. Undefined: it stays until it is deregistered. */
  readonly ttlMs?: number | undefined
  /** Which protocol brought it: `api`, `consul`, `eureka`, ... */
  readonly source: string
  /** Address of whoever registered it; undefined: nobody over the network. Counts for `discovery.perClient`. */
  readonly client?: string | undefined
  /** Where it says that it is, too: names of its machine, further ports. */
  readonly alsoAt?: PlacesBeside | undefined
  /** As it was stored: Backplane ran the instance. */
  readonly isOfProcess?: boolean
}

/** Makes a registration of what came in. Throws `ERR_DISCOVERY_INVALID`, `ERR_DISCOVERY_EXEC_REFUSED`. */
export function parseRegistration(
  service: string,
  id: string,
  body: unknown,
  defaultTtlMs: number,
): Registration {
  refuseBadName('service', service, 'serviceCharactersMax', /^[A-Za-z0-9][A-Za-z0-9._-]*$/)
  refuseBadName('id', id, 'idCharactersMax', /^[A-Za-z0-9][A-Za-z0-9._:/@-]*$/)
  refuseExec(body)
  const { host: address, port, ttl, weight, tags, meta, checks } = parse(registrationSchema, body)
  return {
    spec: { service, id, host: address, port, weight, tags, meta },
    checks: checks.map(checkOf),
    ttlMs: ttl ?? defaultTtlMs,
    source: 'api',
  }
}

/** For protocols that parse by themselves: throws `ERR_DISCOVERY_INVALID` with the name of the limit that a registration is beyond. */
export function refuseOversized({ spec, checks }: Registration): void {
  const { service, id, host: address, tags = [], meta = {}, document = '' } = spec
  refuseBadNames(service, id)
  refuseLong('address', address, 'hostCharactersMax')
  refuseLong('document', document, 'documentCharactersMax')
  refuseMany('tags', tags.length, 'tagsMax')
  for (const tag of tags) refuseLong('tag', tag, 'tagCharactersMax')
  refuseMany('meta', Object.keys(meta).length, 'metaMax')
  for (const [key, value] of Object.entries(meta)) {
    refuseLong(`meta.${key}`, key, 'metaKeyCharactersMax')
    refuseLong(`meta.${key}`, value, 'metaValueCharactersMax')
  }
  refuseMany('checks', checks.length, 'checksMax')
  for (const check of checks) refuseLong('check', JSON.stringify(check), 'checkCharactersMax')
}

/** Throws `ERR_DISCOVERY_INVALID` for names that no registration may have, whatever its protocol. */
export function refuseBadNames(service: string, id: string): void {
  refuseBadName('service', service, 'serviceCharactersMax', /^[A-Za-z0-9_][A-Za-z0-9._-]*$/)
  refuseBadName('id', id, 'idCharactersMax', /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u)
}

/** Undefined clears the override. Throws `ERR_DISCOVERY_INVALID`. */
export function parseOverride(body: unknown): StatusOverride | undefined {
  const { status } = parse(overrideSchema, body)
  return status === 'clear' ? undefined : status
}

function checkOf(check: z.output<typeof checkSchema>): CheckSpec {
  const id = check.id === undefined ? {} : { id: check.id }
  if (check.kind === 'ttl') return { kind: 'ttl', ...id, ttlMs: check.ttl }
  const common = {
    ...id,
    intervalMs: check.interval,
    timeoutMs: check.timeout,
    healthy: check.healthy,
    unhealthy: check.unhealthy,
    startupMs: check.startup,
  }
  return check.kind === 'http'
    ? { kind: 'http', path: check.path, ...common }
    : { kind: 'tcp', ...common }
}

function parse<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const result = schema.safeParse(body)
  if (result.success) return result.data
  const issues = result.error.issues.slice(0, 5)
  const lines = issues.map(({ path, message }) => `${path.join('.') || 'the body'}: ${message}`)
  throw invalid(lines.join('; '))
}

/** Whoever may register must not thereby run programs here. */
function refuseExec(body: unknown): void {
  const checks = typeof body === 'object' && body !== null && 'checks' in body ? body.checks : []
  const hasExec =
    Array.isArray(checks) &&
    checks.some((check: unknown) => {
      return typeof check === 'object' && check !== null && 'kind' in check && check.kind === 'exec'
    })
  if (!hasExec) return
  throw new DiscoveryError(
    403,
    'ERR_DISCOVERY_EXEC_REFUSED',
    'A check of kind exec runs a program here: exec from the file only (services.NAME.health.exec). Use http, tcp or ttl.',
  )
}

function refuseBadName(
  what: string,
  name: string,
  limit: keyof typeof limits,
  pattern: RegExp,
): void {
  refuseLong(what, name, limit)
  if (!pattern.test(name)) throw invalid(`${what}: '${name}' must match ${pattern.source}`)
}

function refuseLong(what: string, value: string, limit: keyof typeof limits): void {
  if (value.length <= limits[limit]) return
  throw invalid(`${what}: is longer than ${limits[limit]} characters (${limit})`)
}

function refuseMany(what: string, count: number, limit: keyof typeof limits): void {
  if (count <= limits[limit]) return
  throw invalid(`${what}: there are ${count}, more than ${limits[limit]} (${limit})`)
}

function invalid(message: string): DiscoveryError {
  return new DiscoveryError(400, 'ERR_DISCOVERY_INVALID', message)
}
