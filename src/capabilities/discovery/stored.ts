import { z } from 'zod'
import type { CheckSpec } from './check-spec.ts'
import type { NodeSpec, StatusOverride } from './model.ts'
import { refuseBadNames, REGISTRATION_LIMITS, type Registration } from './registration.ts'

/** What a stored registration must be at least, to be put into the registry. Not more: limits may have been others when it was stored. */
const named = {
  id: z.string().optional(),
  isUniqueOnNode: z.boolean().optional(),
  deregisterAfterMs: z.number().positive().optional(),
}
const times = {
  ...named,
  intervalMs: z.number().positive(),
  timeoutMs: z.number().positive(),
  healthy: z.int().positive(),
  unhealthy: z.int().positive(),
  startupMs: z.number().nonnegative(),
}
const checkSchema = z.union([
  z.object({ kind: z.literal('http'), path: z.string(), ...times }),
  z.object({ kind: z.literal('http'), url: z.string(), ...times }),
  z.object({ kind: z.literal('tcp'), address: z.string().optional(), ...times }),
  z.object({ kind: z.literal('grpc'), address: z.string().optional(), ...times }),
  z.object({ kind: z.literal('exec'), argv: z.array(z.string()).min(1), ...times }),
  z.object({ kind: z.literal('ttl'), ttlMs: z.number().positive(), ...named }),
  z.object({ kind: z.literal('reported'), ...named }),
  z.object({ kind: z.literal('alias'), node: z.string(), ...named }),
])
const weight = z.int().min(0).max(65_535)
const storedSchema = z.object({
  spec: z.object({
    service: z.string(),
    id: z.string(),
    host: z.string().min(1),
    port: z.int().min(0).max(65535),
    node: z.string().optional(),
    idOnNode: z.string().optional(),
    weight: z.union([weight, z.object({ passing: weight, warning: weight })]).optional(),
    tags: z.array(z.string()).optional(),
    meta: z.record(z.string(), z.string()).optional(),
    taggedAddresses: z
      .record(z.string(), z.object({ address: z.string(), port: z.int() }))
      .optional(),
    document: z.string().optional(),
    dirtyAtMs: z.number().optional(),
  }),
  checks: z.array(checkSchema),
  ttlMs: z.number().positive().optional(),
  source: z.string().default('api'),
  client: z.string().optional(),
  isOfProcess: z.boolean().optional(),
  alsoAt: z.object({ hosts: z.array(z.string()), ports: z.array(z.int()) }).optional(),
})
const nodeSchema = z.object({
  spec: z.object({
    name: z.string(),
    address: z.string(),
    uuid: z.string().optional(),
    taggedAddresses: z.record(z.string(), z.string()).optional(),
    meta: z.record(z.string(), z.string()).optional(),
  }),
  isRegistered: z.boolean(),
  checks: z.array(checkSchema),
  maintenance: z.string().optional(),
})

/** A node as it is stored. */
export interface StoredNode {
  readonly spec: NodeSpec
  readonly isRegistered: boolean
  readonly checks: readonly CheckSpec[]
  readonly maintenance?: string | undefined
}

/** Reads a row of `discovery_nodes`. Throws an error that says what is wrong with it. */
export function parseStoredNode(name: string, body: string): StoredNode {
  const value: unknown = JSON.parse(body)
  const { spec } = read(nodeSchema, value)
  if (spec.name !== name) throw new TypeError(`its body speaks of '${spec.name}'`)
  return value as StoredNode
}

/** Reads a row of `discovery_registrations`. Throws an error that says what is wrong with it. */
export function parseStoredRegistration(service: string, id: string, body: string): Registration {
  refuseBadNames(service, id)
  const value: unknown = JSON.parse(body)
  const { spec, source } = read(storedSchema, value)
  if (spec.service !== service || spec.id !== id) {
    throw new TypeError(`its body speaks of '${spec.id}' of '${spec.service}'`)
  }
  return { ...(value as Registration), source }
}

function read<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw new TypeError(`${issue?.path.join('.') ?? 'body'}: ${issue?.message ?? 'not readable'}`)
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
