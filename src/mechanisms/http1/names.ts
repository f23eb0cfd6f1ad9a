import { FOLDED, TOKEN } from './bytes.ts'

/**
 * Field names that the codec or a proxy must find without a string: each has a small number. The numbers index drop tables, so they are
 * dense and below FIELD_COUNT. 0 is every other name.
 */
export const FIELD = {
  other: 0,
  host: 1,
  connection: 2,
  contentLength: 3,
  transferEncoding: 4,
  upgrade: 5,
  expect: 6,
  te: 7,
  keepAlive: 8,
  proxyConnection: 9,
  proxyAuthenticate: 10,
  proxyAuthorization: 11,
  proxyAuthenticationInfo: 12,
  http2Settings: 13,
  trailer: 14,
  forwarded: 15,
  xForwardedFor: 16,
  xForwardedProto: 17,
  xForwardedHost: 18,
  xForwardedOther: 19,
  xRealIp: 20,
  xRequestId: 21,
  traceparent: 22,
  tracestate: 23,
  via: 24,
  cookie: 25,
  authorization: 26,
  userAgent: 27,
  referer: 28,
  accept: 29,
  acceptEncoding: 30,
  contentType: 31,
  contentEncoding: 32,
  cacheControl: 33,
  setCookie: 34,
  date: 35,
  server: 36,
  location: 37,
  retryAfter: 38,
  backplaneReason: 39,
  maxForwards: 40,
  range: 41,
  ifRange: 42,
  ifMatch: 43,
  ifNoneMatch: 44,
  vary: 45,
  /** A name that a CGI-style backend folds onto a trust or hop-by-hop field, such as `x_forwarded_for`. */
  alias: 46,
  /** A name that a CGI-style backend folds onto a framing field, such as `content_length`. */
  framingAlias: 47,
  /** Proxy is no field of HTTP; CGI-style backends make HTTP_PROXY of it and then talk through the attacker's host. */
  proxy: 48,
  /** How often the request was tried on its way: ours. */
  xRequestAttempt: 49,
  /** Until when somebody waits for the answer: ours. */
  xRequestDeadline: 50,
  /** `true`: who answers has done nothing, and may be asked again. */
  retriable: 51,
  rateLimitReset: 52,
  xRateLimitReset: 53,
  /** `critical`, `normal` or `batch`: ours. */
  xRequestPriority: 54,
  /** How long a caller of gRPC waits. */
  grpcTimeout: 55,
  /** The certificate that a client has shown, and what stands above it (RFC 9440): ours. */
  clientCert: 56,
  clientCertChain: 57,
} as const

/** One more than the largest number in FIELD: the length of a drop table. */
export const FIELD_COUNT = 58

const NAMES: readonly (readonly [name: string, id: number])[] = [
  ['host', FIELD.host],
  ['connection', FIELD.connection],
  ['content-length', FIELD.contentLength],
  ['transfer-encoding', FIELD.transferEncoding],
  ['upgrade', FIELD.upgrade],
  ['expect', FIELD.expect],
  ['te', FIELD.te],
  ['keep-alive', FIELD.keepAlive],
  ['proxy-connection', FIELD.proxyConnection],
  ['proxy-authenticate', FIELD.proxyAuthenticate],
  ['proxy-authorization', FIELD.proxyAuthorization],
  ['proxy-authentication-info', FIELD.proxyAuthenticationInfo],
  ['http2-settings', FIELD.http2Settings],
  ['trailer', FIELD.trailer],
  ['forwarded', FIELD.forwarded],
  ['x-forwarded-for', FIELD.xForwardedFor],
  ['x-forwarded-proto', FIELD.xForwardedProto],
  ['x-forwarded-host', FIELD.xForwardedHost],
  ['x-real-ip', FIELD.xRealIp],
  ['x-request-id', FIELD.xRequestId],
  ['traceparent', FIELD.traceparent],
  ['tracestate', FIELD.tracestate],
  ['via', FIELD.via],
  ['cookie', FIELD.cookie],
  ['authorization', FIELD.authorization],
  ['user-agent', FIELD.userAgent],
  ['referer', FIELD.referer],
  ['accept', FIELD.accept],
  ['accept-encoding', FIELD.acceptEncoding],
  ['content-type', FIELD.contentType],
  ['content-encoding', FIELD.contentEncoding],
  ['cache-control', FIELD.cacheControl],
  ['set-cookie', FIELD.setCookie],
  ['date', FIELD.date],
  ['server', FIELD.server],
  ['location', FIELD.location],
  ['retry-after', FIELD.retryAfter],
  ['backplane-reason', FIELD.backplaneReason],
  ['max-forwards', FIELD.maxForwards],
  ['range', FIELD.range],
  ['if-range', FIELD.ifRange],
  ['if-match', FIELD.ifMatch],
  ['if-none-match', FIELD.ifNoneMatch],
  ['vary', FIELD.vary],
  ['proxy', FIELD.proxy],
  ['grpc-timeout', FIELD.grpcTimeout],
  ['x-request-attempt', FIELD.xRequestAttempt],
  ['x-request-deadline', FIELD.xRequestDeadline],
  ['retriable', FIELD.retriable],
  ['ratelimit-reset', FIELD.rateLimitReset],
  ['x-ratelimit-reset', FIELD.xRateLimitReset],
  ['x-request-priority', FIELD.xRequestPriority],
  ['client-cert', FIELD.clientCert],
  ['client-cert-chain', FIELD.clientCertChain],
]

/** Names by their number; '' where several names share one. */
export const FIELD_NAMES: readonly string[] = Array.from(
  { length: FIELD_COUNT },
  (_, id) => NAMES.find((entry) => entry[1] === id)?.[0] ?? '',
)

const IDS = new Map(NAMES)

/** The number of a lower-case field name, 0 for a name without one. */
export function fieldId(lowerCaseName: string): number {
  const id = IDS.get(lowerCaseName)
  if (id !== undefined) return id
  return lowerCaseName.startsWith(X_FORWARDED) ? FIELD.xForwardedOther : FIELD.other
}

const X_FORWARDED = 'x-forwarded-'
const SLOTS = 512

/** Length, first, last and a middle byte tell all known names apart, so a perfect hash over these four is enough. */
function hash(length: number, first: number, middle: number, last: number, seed: number): number {
  return ((length * 7 + first * 3 + middle * seed + last * 31) ^ (seed * 13)) & (SLOTS - 1)
}

function hashName(name: string, seed: number): number {
  const middle = (name.length * 3) >> 2
  return hash(
    name.length,
    name.charCodeAt(0),
    name.charCodeAt(middle),
    name.charCodeAt(name.length - 1),
    seed,
  )
}

function findSeed(): number {
  for (let seed = 1; seed < 65_536; seed++) {
    if (new Set(NAMES.map(([name]) => hashName(name, seed))).size === NAMES.length) return seed
  }
  throw new Error('no seed makes the hash of the known field names perfect: change what it hashes')
}

const SEED = findSeed()
const IDS_BY_SLOT = new Uint8Array(SLOTS)
for (const [name, id] of NAMES) IDS_BY_SLOT[hashName(name, SEED)] = id

/**
 * The number of the name in [start, end), which must be tchars and not empty. A name that only folds onto a known one (see FOLDED) is
 * negative: the negated number of the field that it imitates.
 */
export function identifyName(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start
  const middle = (length * 3) >> 2
  const slot = hash(
    length,
    FOLDED[bytes[start]!]!,
    FOLDED[bytes[start + middle]!]!,
    FOLDED[bytes[end - 1]!]!,
    SEED,
  )
  const id = IDS_BY_SLOT[slot]!
  if (id !== 0) {
    const match = compareName(bytes, start, length, id)
    if (match !== 0) return match * id
  }
  return (bytes[start]! | 32) === 120 && length > X_FORWARDED.length
    ? comparePrefix(bytes, start) * FIELD.xForwardedOther
    : FIELD.other
}

/** All names with a number, one behind the other, and where each begins: reading bytes is several times faster than reading a string. */
const NAME_BYTES = Uint8Array.from(FIELD_NAMES.join(''), (character) => character.charCodeAt(0))
const NAME_STARTS = Int32Array.from(
  FIELD_NAMES,
  (_, id) => FIELD_NAMES.slice(0, id).join('').length,
)
const NAME_LENGTHS = Uint8Array.from(FIELD_NAMES, (name) => name.length)

/** 1: the same name, -1: the same after folding only, 0: another name. */
function compareName(bytes: Uint8Array, start: number, length: number, id: number): -1 | 0 | 1 {
  if (NAME_LENGTHS[id] !== length) return 0
  const nameStart = NAME_STARTS[id]!
  let at = 0
  while (at < length && TOKEN[bytes[start + at]!] === NAME_BYTES[nameStart + at]) at++
  if (at === length) return 1
  while (at < length && FOLDED[bytes[start + at]!] === NAME_BYTES[nameStart + at]) at++
  return at === length ? -1 : 0
}

/** The same for the family of names that begin with "x-forwarded-". */
function comparePrefix(bytes: Uint8Array, start: number): -1 | 0 | 1 {
  let isSame = true
  for (let at = 0; at < X_FORWARDED.length; at++) {
    const wanted = X_FORWARDED.charCodeAt(at)
    if (FOLDED[bytes[start + at]!] !== wanted) return 0
    if (TOKEN[bytes[start + at]!] !== wanted) isSame = false
  }
  return isSame ? 1 : -1
}
