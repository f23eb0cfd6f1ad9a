import { parseGoDuration } from '../../mechanisms/go-duration/go-duration.ts'
import { ConsulError } from './errors.ts'

/** Deeper than anybody's registration; what is deeper is refused before it is walked. */
const JSON_DEPTH_MAX = 32

/** Numbers that JavaScript may not hold exactly, such as the flags of a lock. */
const LONG_NUMBER = /\d{16}/

/** A JSON value of unknown content; whole numbers beyond 2^53 are bigints. Throws `ConsulError` 400 in Consul's words. */
export function parseJson(body: Buffer): unknown {
  let value: unknown
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body)
    value = LONG_NUMBER.test(text) ? JSON.parse(text, keepExact) : JSON.parse(text)
  } catch (error) {
    throw decodeError(error instanceof Error ? error.message : String(error))
  }
  if (!isShallow(value, JSON_DEPTH_MAX)) throw decodeError('exceeded max depth')
  return value
}

/** A JSON object as Go's decoder reads it: names whatever their case, null as if it were not there. */
export class JsonFields {
  readonly #values = new Map<string, unknown>()
  readonly #where: string

  private constructor(where: string) {
    this.#where = where
  }

  /** Throws `ConsulError` 400 for everything but an object. `where` is how it is called in errors. */
  static of(value: unknown, where = ''): JsonFields {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw decodeError(`${where || 'the body'} must be an object`)
    }
    const fields = new JsonFields(where)
    for (const [name, one] of Object.entries(value)) {
      if (one !== null) fields.#values.set(name.toLowerCase(), one)
    }
    return fields
  }

  /** The body of a request; an empty one has no fields. */
  static ofBody(body: Buffer): JsonFields {
    return JsonFields.of(body.length === 0 ? {} : parseJson(body))
  }

  has(name: string): boolean {
    return this.#values.has(name.toLowerCase())
  }

  raw(name: string): unknown {
    return this.#values.get(name.toLowerCase())
  }

  /** '' where it is missing. */
  text(name: string): string {
    const value = this.raw(name) ?? ''
    if (typeof value !== 'string') throw this.#wrong(name, 'a string')
    return value
  }

  flag(name: string): boolean {
    const value = this.raw(name) ?? false
    if (typeof value !== 'boolean') throw this.#wrong(name, 'a bool')
    return value
  }

  /** A whole number; `missing` where it is missing. */
  integer(name: string, missing = 0): number {
    const value = this.raw(name) ?? missing
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
      throw this.#wrong(name, 'a whole number')
    }
    return value
  }

  /** Nanoseconds: `"10s"`, or a number of nanoseconds; undefined where it is missing or an empty string. */
  durationNs(name: string): number | undefined {
    const value = this.raw(name)
    if (value === undefined || value === '') return undefined
    const ns = typeof value === 'string' ? parseGoDuration(value) : value
    if (typeof ns !== 'number' || !Number.isFinite(ns)) {
      throw decodeError(`time: invalid duration ${JSON.stringify(value)} in ${this.#path(name)}`)
    }
    return Math.trunc(ns)
  }

  texts(name: string): readonly string[] {
    return this.list(name).map((one) => {
      if (typeof one !== 'string') throw this.#wrong(name, 'a list of strings')
      return one
    })
  }

  list(name: string): readonly unknown[] {
    const value = this.raw(name) ?? []
    if (!Array.isArray(value)) throw this.#wrong(name, 'a list')
    return value as readonly unknown[]
  }

  /** Objects of a list, each with fields of its own. */
  objects(name: string): readonly JsonFields[] {
    return this.list(name).map((one, index) => JsonFields.of(one, `${this.#path(name)}[${index}]`))
  }

  object(name: string): JsonFields | undefined {
    const value = this.raw(name)
    return value === undefined ? undefined : JsonFields.of(value, this.#path(name))
  }

  /** A map of strings, its names as they are written. */
  map(name: string): ReadonlyMap<string, string> {
    const value = this.raw(name) ?? {}
    if (typeof value !== 'object' || Array.isArray(value)) throw this.#wrong(name, 'an object')
    return new Map(
      Object.entries(value ?? {}).map(([key, one]) => {
        if (typeof one !== 'string') throw this.#wrong(`${name}.${key}`, 'a string')
        return [key, one]
      }),
    )
  }

  #path(name: string): string {
    return this.#where === '' ? name : `${this.#where}.${name}`
  }

  #wrong(name: string, what: string): ConsulError {
    return decodeError(`'${this.#path(name)}' must be ${what}`)
  }
}

/** A body that cannot be read, in Consul's words. */
export function decodeError(why: string): ConsulError {
  return new ConsulError(400, `Request decode failed: ${why}`)
}

function keepExact(_name: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source ?? ''
  const isLong = typeof value === 'number' && !Number.isSafeInteger(value) && /^\d+$/.test(source)
  return isLong ? BigInt(source) : value
}

function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  return depth > 0 && Object.values(value).every((one) => isShallow(one, depth - 1))
}
