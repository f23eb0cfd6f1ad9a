import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { parseDurationMs } from '../../../platform/config/units.ts'
import { ProblemError } from '../../../platform/problem.ts'
import { storageProblemOf } from '../../../platform/storage/errors.ts'
import type { Discovery } from '../api.ts'
import { DiscoveryError, instanceUnknownError } from '../errors.ts'
import type { Instance, Target } from '../model.ts'
import {
  overrideSchema,
  parseOverride,
  parseRegistration,
  registrationSchema,
} from '../registration.ts'

/** Longest wait of a blocking query or a registration, in milliseconds. */
export const WAIT_MS_MAX = 60_000

export interface DiscoveryRoutesOptions {
  /** Lease of a registration that names none: `discovery.lease`. */
  readonly defaultTtlMs: number
}

interface Names {
  readonly service: string
  readonly id: string
}

/**
 * The admin API of discovery: register with a lease, renew, override, deregister, list and watch. Described in OpenAPI. `everywhere`
 * resolves when every worker has applied what was told until now.
 */
export function registerDiscoveryRoutes(
  app: FastifyInstance,
  discovery: Discovery,
  everywhere: () => Promise<void>,
  options: DiscoveryRoutesOptions,
): void {
  registerWrites(app, discovery, everywhere, options)
  registerReads(app, discovery)
}

function registerWrites(
  app: FastifyInstance,
  discovery: Discovery,
  everywhere: () => Promise<void>,
  { defaultTtlMs }: DiscoveryRoutesOptions,
): void {
  const url = '/api/v1/services/:service/instances/:id'
  route(app, 'PUT', url, {
    summary:
      'Registers an instance, or renews it. Answers when every worker of the gateway may choose it; one with checks that do not pass yet is waited for as long as `wait` says.',
    body: jsonSchemaOf(registrationSchema),
    querystring: waitQuery,
    async answer(request, reply) {
      const { service, id } = request.params as Names
      const waitMs = readWait(request)
      const parsed = parseRegistration(service, id, request.body, defaultTtlMs)
      const isNew = registeredInstance(discovery, { service, id }) === undefined
      // What Backplane runs at this place is the same instance, by another id.
      const instance = await discovery.register({ ...parsed, client: request.ip })
      if (await discovery.whenRoutable(service, instance.id, waitMs, closedSignal(reply))) {
        discovery.flush()
        await everywhere()
      }
      reply.code(isNew ? 201 : 200)
      return viewOf(knownInstance(discovery, { service, id }))
    },
  })
  route(app, 'POST', `${url}/renew`, {
    summary: 'Renews the lease. 404: unknown, register again.',
    async answer(request) {
      const names = request.params as Names
      if (!discovery.renew(names.service, names.id))
        throw instanceUnknownError(names.service, names.id)
      const twin = discovery.twin(names.service, names.id)?.twin
      return { leaseMs: twin?.ttlMs ?? knownInstance(discovery, names).lease?.ttlMs ?? null }
    },
  })
  route(app, 'PUT', `${url}/status`, {
    summary: 'Overrides the status of an instance of any source, or clears the override.',
    body: jsonSchemaOf(overrideSchema),
    async answer(request) {
      const { service, id } = request.params as Names
      const override = parseOverride(request.body)
      await discovery.setOverride(service, id, override)
      return { service, id, override: override ?? null }
    },
  })
  route(app, 'DELETE', url, {
    summary: 'Deregisters an instance.',
    async answer(request, reply) {
      const { service, id } = request.params as Names
      await discovery.deregister(service, id)
      reply.code(204)
    },
  })
  route(app, 'PUT', `${url}/checks/:check`, {
    summary: 'Reports the result of a ttl check.',
    body: jsonSchemaOf(reportSchema),
    async answer(request, reply) {
      const { service, id, check } = request.params as Names & { readonly check: string }
      const parsed = reportSchema.safeParse(request.body)
      if (!parsed.success)
        throw invalid(parsed.error.issues[0]?.message ?? 'the body is not a report')
      const instance = knownInstance(discovery, { service, id })
      discovery.reportCheck(service, instance.id, check, parsed.data.status, parsed.data.output)
      reply.code(204)
    },
  })
}

const reportSchema = z.strictObject({
  status: z.enum(['passing', 'warning', 'critical']),
  output: z.string().max(4096).default(''),
})

const waitQuery = {
  type: 'object',
  properties: { wait: { type: 'string', description: 'At most this long: 10s, up to 60s.' } },
}
const blockingQuery = {
  type: 'object',
  properties: {
    ...waitQuery.properties,
    index: {
      type: 'integer',
      description: 'Answers when the index is beyond this one, or after `wait` (default 30s).',
    },
  },
}

function registerReads(app: FastifyInstance, discovery: Discovery): void {
  route(app, 'GET', '/api/v1/services/:service/instances', {
    summary: 'The instances of a service with their health; with `index` it waits for a change.',
    querystring: blockingQuery,
    async answer(request, reply) {
      const { service } = request.params as Names
      const index = await blockOn(discovery, { service }, request, reply)
      return { service, index, instances: [...discovery.instances(service)].map(viewOf) }
    },
  })
  route(app, 'GET', '/api/v1/services/:service/instances/:id', {
    summary: 'One instance, with where it comes from and when its lease was renewed.',
    answer: async (request) => viewOf(knownInstance(discovery, request.params as Names)),
  })
  route(app, 'GET', '/api/v1/catalog', {
    summary: 'All services with their number of instances; with `index` it waits for a change.',
    querystring: blockingQuery,
    async answer(request, reply) {
      const index = await blockOn(discovery, 'catalog', request, reply)
      return { index, services: [...discovery.services()] }
    },
  })
}

interface RouteOptions {
  readonly summary: string
  readonly body?: unknown
  readonly querystring?: unknown
  answer(request: FastifyRequest, reply: FastifyReply): Promise<unknown>
}

/** The schemas are for OpenAPI only: bodies are parsed by the schemas that they come from, without coercion. */
function route(app: FastifyInstance, method: string, url: string, options: RouteOptions): void {
  const { summary, body, querystring } = options
  const params = [...url.matchAll(/:(\w+)/g)].map(([, name = '']) => [name, { type: 'string' }])
  app.route({
    method,
    url,
    schema: {
      summary,
      tags: ['discovery'],
      ...(params.length > 0
        ? { params: { type: 'object', properties: Object.fromEntries(params) as object } }
        : {}),
      ...(body === undefined ? {} : { body }),
      ...(querystring === undefined ? {} : { querystring }),
    },
    validatorCompiler: () => (data: unknown) => ({ value: data }),
    handler: async (request, reply) => {
      try {
        return await options.answer(request, reply)
      } catch (error) {
        throw problemOf(error)
      }
    },
  })
}

function problemOf(error: unknown): unknown {
  if (error instanceof DiscoveryError) {
    return new ProblemError(error.statusCode, error.code, error.message)
  }
  return storageProblemOf(error)
}

/** Waits where the client asked for it, and sets the headers of the index. */
async function blockOn(
  discovery: Discovery,
  target: Target,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<number> {
  const { index: raw } = request.query as { readonly index?: string }
  let index = discovery.indexOf(target)
  if (raw !== undefined) {
    if (!/^[0-9]{1,16}$/.test(raw)) throw invalid(`index: '${raw}' is not a whole number`)
    const waitMs = readWait(request, 30_000)
    index = await discovery.waitForChange(target, Number(raw), waitMs, closedSignal(reply))
  }
  reply.header('x-backplane-index', String(index))
  return index
}

/** Aborts when the client goes away. */
function closedSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  return gone.signal
}

function readWait(request: FastifyRequest, defaultMs = 0): number {
  const { wait } = request.query as { readonly wait?: string }
  if (wait === undefined) return defaultMs
  try {
    return Math.min(parseDurationMs(wait), WAIT_MS_MAX)
  } catch {
    throw invalid(`wait: '${wait}' is not a duration such as 10s`)
  }
}

function invalid(message: string): DiscoveryError {
  return new DiscoveryError(400, 'ERR_DISCOVERY_INVALID', message)
}

/** By its id, or by the one that it gave itself. */
function registeredInstance(discovery: Discovery, { service, id }: Names): Instance | undefined {
  return discovery.twin(service, id)?.instance ?? discovery.instance(service, id)
}

function knownInstance(discovery: Discovery, names: Names): Instance {
  const { service, id } = names
  const instance = registeredInstance(discovery, names)
  if (instance === undefined) throw instanceUnknownError(service, id)
  return instance
}

function viewOf(instance: Instance): object {
  return {
    service: instance.service,
    id: instance.id,
    node: instance.node,
    host: instance.host,
    port: instance.port,
    source: instance.source,
    weights: instance.weights,
    tags: instance.tags,
    meta: instance.meta,
    health: instance.health,
    isRoutable: instance.isRoutable,
    weight: instance.weight,
    override: instance.override ?? null,
    overrideReason: instance.overrideReason,
    leaseMs: instance.lease?.ttlMs ?? null,
    renewedAtMs: instance.lease?.renewedAtMs ?? null,
    registeredAtMs: instance.registeredAtMs,
    createIndex: instance.createIndex,
    modifyIndex: instance.modifyIndex,
    checks: instance.checks.map((check) => ({
      id: check.id,
      kind: check.kind,
      status: check.status,
      output: check.output,
      atMs: check.atMs,
      durationMs: check.durationMs,
    })),
  }
}

function jsonSchemaOf(schema: z.ZodType): unknown {
  const { $schema: _dialect, ...json } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
  })
  return json
}
