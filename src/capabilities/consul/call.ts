import type { LeanRequest } from '../../platform/http/lean/options.ts'
import { parseGoDuration } from '../../mechanisms/go-duration/go-duration.ts'
import { ConsulError } from './errors.ts'
import { JsonFields } from './json-fields.ts'
import {
  permissionDenied,
  type Access,
  type Authorizer,
  type Permissions,
  type Resource,
} from './permissions.ts'

/** Where a client waits at most, and where it does not say how long. */
const WAIT_MS_MAX = 600_000
const WAIT_MS_DEFAULT = 300_000

/** Fields of the request that calls look at. */
export const KEPT_FIELDS = ['x-consul-token', 'authorization'] as const

/** What a client is willing to wait for. */
export interface Patience {
  /** The index that it knows; 0: none, it wants an answer now. */
  readonly index: number
  /** The hash that it knows; '': none. */
  readonly hash: string
  /** At most so long, before the jitter. */
  readonly waitMs: number
}

/** One call of the Consul API. */
export class Call {
  readonly method: string
  /** Decoded: `/v1/kv/a/b`. */
  readonly path: string
  /** What follows the path of the route, decoded: the key, the name, the id. */
  readonly rest: string
  readonly query: URLSearchParams
  readonly body: Buffer
  readonly address: string
  readonly #secret: string
  readonly #authorizer: Authorizer

  constructor(
    request: LeanRequest,
    target: { readonly path: string; readonly rest: string },
    authorizer: Authorizer,
  ) {
    this.method = request.method
    this.path = target.path
    this.rest = target.rest
    this.query = new URLSearchParams(request.query)
    this.body = request.body
    this.address = request.address
    this.#secret = secretOf(request, this.query)
    this.#authorizer = authorizer
  }

  /** `?recurse`, `?recurse=1`, `?recurse=false`: that it is there is enough, as in Consul. */
  has(name: string): boolean {
    return this.query.has(name)
  }

  /** `?passing`, `?passing=1`, `?passing=true`; `0` and `false` are off. Throws `ConsulError` 400 for anything else. */
  flag(name: string): boolean {
    const value = this.query.get(name)
    if (value === null) return false
    if (['', '1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true
    if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false
    throw new ConsulError(400, `Invalid value for ?${name}`)
  }

  /** '' where it is missing. */
  param(name: string): string {
    return this.query.get(name) ?? ''
  }

  /** The body as an object of fields; an empty body has none. Throws `ConsulError` 400. */
  fields(): JsonFields {
    return JsonFields.ofBody(this.body)
  }

  /** What its token may, now: a blocking query that has waited must ask again. Throws `ConsulError` 403 for an unknown token. */
  get permissions(): Permissions {
    return this.#authorizer.permissionsOf(this.#secret)
  }

  /** The secret itself, for the few calls that are about it. Never log it. */
  get secret(): string {
    return this.#secret
  }

  /** For lists that leave out what the token may not see. */
  may(resource: Resource, name: string, access: Access): boolean {
    return this.permissions.allows(resource, name, access)
  }

  /** Throws `ConsulError` 403 where the token may not. */
  demand(resource: Resource, name: string, access: Access): void {
    const { permissions } = this
    if (!permissions.allows(resource, name, access)) {
      throw permissionDenied(permissions, resource, name, access)
    }
  }

  /** Throws `ConsulError` 400. */
  patience(): Patience {
    const index = this.param('index') === '' ? 0 : parseIndex(this.param('index'), 'Invalid index')
    const wait = this.param('wait')
    const ns = wait === '' ? 0 : parseGoDuration(wait)
    if (ns === undefined) throw new ConsulError(400, 'Invalid wait time')
    const waitMs = ns <= 0 ? WAIT_MS_DEFAULT : Math.min(ns / 1_000_000, WAIT_MS_MAX)
    return { index, hash: this.param('hash'), waitMs }
  }
}

/** An unsigned number of 64 bits. Beyond 2^53 it is not exact, and nobody has come so far. Throws `ConsulError` 400. */
export function parseIndex(value: string, message: string): number {
  if (!/^\d{1,20}$/.test(value) || BigInt(value) >= 2n ** 64n) throw new ConsulError(400, message)
  return Number(value)
}

/** The query first, then `X-Consul-Token`, then Bearer, as in Consul. */
function secretOf(request: LeanRequest, query: URLSearchParams): string {
  const inQuery = query.get('token') ?? ''
  if (inQuery !== '') return inQuery
  const inField = request.field('x-consul-token')
  if (inField !== '') return inField
  return /^bearer +(\S+)$/i.exec(request.field('authorization'))?.[1] ?? ''
}
