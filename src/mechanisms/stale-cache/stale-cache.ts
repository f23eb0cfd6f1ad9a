/** Field lines of one message: lower-case names, values as they came; several of a name are joined by a comma. */
export type Fields = ReadonlyMap<string, string>

/** What is kept of an answer. */
export interface KeptAnswer {
  /** Name and value of each field that goes to a client again. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
  readonly keptAtMs: number
  /** It may be given out until then. Monotonic milliseconds, as all. */
  readonly untilMs: number
}

/** How much is kept. */
export interface StalePolicy {
  /** How old an answer may be that is given out. */
  readonly ageMsMax: number
  /** Of all answers together, heads and bodies. */
  readonly bytesMax: number
  /** Larger answers are not kept. */
  readonly bodyBytesMax: number
}

/** Answers that differ by `Vary` under one key; the oldest goes. */
const VARIANTS_MAX = 8

/** What an answer takes beside its bytes, and each of its fields: measured, without it many small ones take ten times what they may. */
const VARIANT_BYTES = 512
const FIELD_BYTES = 96

/** Connection's own, and what is said anew of each answer. */
const NOT_KEPT: ReadonlySet<string> = new Set([
  'age',
  'backplane-reason',
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-connection',
  'retry-after',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-request-id',
])

/** Directives of Cache-Control by lower-case name, '' where one has no value (RFC 9111 section 5.2). */
export function parseCacheControl(value: string): ReadonlyMap<string, string> {
  const directives = new Map<string, string>()
  for (const [, name = '', quoted, plain] of value.matchAll(
    /([\w!#$%&'*+.^`|~-]+)(?:\s*=\s*(?:"([^"]*)"|([^\s,;]*)))?/g,
  )) {
    directives.set(name.toLowerCase(), quoted ?? plain ?? '')
  }
  return directives
}

/**
 * For how long the answer (a 200 to a GET) may be given out when its service cannot answer, in milliseconds; 0: not at all. RFC 9111 sections 3, 3.5 and 4.2.4 as a shared cache has
 * them, and RFC 5861 section 4. Stricter in one thing: a request with a cookie may have an answer for one person, so it is as one with Authorization.
 */
export function staleForMs(request: Fields, response: Fields, ageMsMax: number): number {
  const control = parseCacheControl(response.get('cache-control') ?? '')
  const ifError = control.get('stale-if-error')
  const forbids = ['no-store', 'no-cache', 'private', 'must-revalidate', 'proxy-revalidate']
  if (forbids.some((name) => control.has(name))) return 0
  if (control.has('s-maxage') && ifError === undefined) return 0
  if (parseCacheControl(request.get('cache-control') ?? '').has('no-store')) return 0
  if (request.has('range') || response.has('content-range') || response.has('set-cookie')) return 0
  if ((response.get('vary') ?? '').includes('*')) return 0
  const isPersonal = request.has('authorization') || request.has('cookie')
  if (isPersonal && !control.has('public')) return 0
  if (ifError === undefined) return ageMsMax
  return Math.min(ageMsMax, 1_000 * (secondsOf(control.get('max-age')) + secondsOf(ifError)))
}

function secondsOf(text: string | undefined): number {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : 0
}

/** What of an answer's fields is kept: neither those of a connection, nor those that are said anew. */
export function keptFields(response: Fields): KeptAnswer['fields'] {
  const named = (response.get('connection') ?? '').toLowerCase().split(/[\s,]+/)
  return [...response].filter(([name]) => !NOT_KEPT.has(name) && !named.includes(name))
}

interface Variant {
  readonly key: string
  /** Names of `Vary`, and what the request said of them. */
  readonly vary: readonly (readonly [name: string, value: string])[]
  readonly answer: KeptAnswer
  readonly bytes: number
}

/** The last answers of a service, by what was asked for, within a number of bytes: who was asked for longest ago goes. */
export class StaleCache {
  readonly policy: StalePolicy
  /** In the order of their last use. */
  readonly #variants = new Map<string, readonly Variant[]>()
  #bytes = 0
  #held = 0

  constructor(policy: StalePolicy) {
    this.policy = policy
  }

  /** Room for bytes of an answer that is still under way; false: as many as may be kept are under way already. */
  hold(bytes: number): boolean {
    if (this.#held + bytes > this.policy.bytesMax) return false
    this.#held += bytes
    return true
  }

  /** What was held is kept, or is not needed any more. */
  letGo(bytes: number): void {
    this.#held -= bytes
  }

  /** Of everything that is kept. */
  get bytes(): number {
    return this.#bytes
  }

  /** Keeps an answer in place of the one before it. `askedFor` is the key. */
  keep(askedFor: string, request: Fields, response: Fields, answer: KeptAnswer): void {
    const key = ownText(askedFor)
    const vary = varyOf(response).map((name) => [name, ownText(request.get(name) ?? '')] as const)
    const bytes = sizeOf(key, vary, answer)
    const others = this.#take(key).filter((one) => !isFor(one, request))
    const kept = others.slice(-(VARIANTS_MAX - 1))
    for (const one of kept) this.#bytes += one.bytes
    const all = bytes > this.policy.bytesMax ? kept : [...kept, { key, vary, answer, bytes }]
    if (all.length > kept.length) this.#bytes += bytes
    if (all.length > 0) this.#variants.set(key, all)
    this.#shrink()
  }

  /** The answer that may be given out now; undefined where there is none. */
  find(key: string, request: Fields, nowMs: number): KeptAnswer | undefined {
    const variants = this.#variants.get(key)
    const found = variants?.findLast((one) => isFor(one, request))
    if (variants === undefined || found === undefined || found.answer.untilMs <= nowMs)
      return undefined
    this.#variants.delete(key)
    this.#variants.set(key, variants)
    return found.answer
  }

  #take(key: string): readonly Variant[] {
    const variants = this.#variants.get(key) ?? []
    this.#variants.delete(key)
    for (const one of variants) this.#bytes -= one.bytes
    return variants
  }

  #shrink(): void {
    for (const key of this.#variants.keys()) {
      if (this.#bytes <= this.policy.bytesMax) return
      this.#take(key)
    }
  }
}

function varyOf(response: Fields): readonly string[] {
  return (response.get('vary') ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}

function isFor({ vary, answer }: Variant, request: Fields): boolean {
  const isPersonal = request.has('authorization') || request.has('cookie')
  if (isPersonal && !isPublic(answer)) return false
  return vary.every(([name, value]) => (request.get(name) ?? '') === value)
}

/** What is kept of an answer to nobody in particular must say so, before it is given to somebody. */
function isPublic({ fields }: KeptAnswer): boolean {
  const control = fields.find(([name]) => name === 'cache-control')?.[1] ?? ''
  return parseCacheControl(control).has('public')
}

/** A part of a text holds on to all of it: a value that is kept must not keep the head that it stood in. */
function ownText(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}

function sizeOf(key: string, vary: Variant['vary'], { fields, body }: KeptAnswer): number {
  const lines = [...vary, ...fields].reduce(
    (sum, [name, value]) => sum + name.length + value.length,
    0,
  )
  const fieldCount = vary.length + fields.length
  return VARIANT_BYTES + fieldCount * FIELD_BYTES + key.length + lines + body.length
}
