import { z } from 'zod'
import type { StatusOverride } from './model.ts'
import { refuseBadNames, REGISTRATION_LIMITS, type Registration } from './registration.ts'

/** What a stored registration must be at least, to be put into the registry. Not more: limits may have been others when it was stored. */
const times = {
  id: z.string().optional(),
  intervalMs: z.number().positive(),
  timeoutMs: z.number().positive(),
  healthy: z.int().positive(),
  unhealthy: z.int().positive(),
  startupMs: z.number().nonnegative(),
}
const weight = z.int().min(0).max(REGISTRATION_LIMITS.weightMax)
const storedSchema = z.object({
  spec: z.object({
    service: z.string(),
    id: z.string(),
    host: z.string().min(1),
    port: z.int().min(1).max(65535),
    node: z.string().optional(),
    weight: z.union([weight, z.object({ passing: weight, warning: weight })]).optional(),
    tags: z.array(z.string()).optional(),
    meta: z.record(z.string(), z.string()).optional(),
    dirtyAtMs: z.number().optional(),
  }),
  checks: z.array(
    z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('http'), path: z.string(), ...times }),
      z.object({ kind: z.literal('tcp'), ...times }),
      z.object({ kind: z.literal('ttl'), id: times.id, ttlMs: z.number().positive() }),
    ]),
  ),
  ttlMs: z.number().positive(),
})

/** Reads a row of `discovery_registrations`. Throws an error that says what is wrong with it. */
export function parseStoredRegistration(service: string, id: string, body: string): Registration {
  refuseBadNames(service, id)
  const value: unknown = JSON.parse(body)
  const result = storedSchema.safeParse(value)
  if (!result.success) {
    const [issue] = result.error.issues
    throw new TypeError(`${issue?.path.join('.') ?? 'body'}: ${issue?.message ?? 'not readable'}`)
  }
  const { spec } = result.data
  if (spec.service !== service || spec.id !== id) {
    throw new TypeError(`its body speaks of '${spec.id}' of '${spec.service}'`)
  }
  return value as Registration
}

const statuses: Readonly<Record<StatusOverride, true>> = {
  up: true,
  'out-of-service': true,
  maintenance: true,
}

/** Reads a row of `discovery_overrides`. Throws an error that says what is wrong with it. */
export function parseStoredOverride(service: string, id: string, status: string): StatusOverride {
  for (const name of [service, id]) {
    const isName = name !== '' && name.length <= REGISTRATION_LIMITS.idCharactersMax
    if (!isName || /\p{Cc}/u.test(name)) throw new TypeError(`'${name}' is not a name`)
  }
  if (Object.hasOwn(statuses, status)) return status as StatusOverride
  throw new TypeError(`'${status}' is not an override`)
}
