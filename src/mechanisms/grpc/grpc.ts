/** What a request speaks, by its content type (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, PROTOCOL-WEB.md). */
export const GRPC = { none: 0, grpc: 1, web: 2, webText: 3 } as const
export type GrpcKind = (typeof GRPC)[keyof typeof GRPC]

/** https://grpc.github.io/grpc/core/md_doc_statuscodes.html, as far as a gateway says them. */
export const GRPC_STATUS = {
  ok: 0,
  unknown: 2,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const

const GRPC_TYPE = 'application/grpc'

/** The kind of a content type: with or without a codec behind a plus or a semicolon. */
export function grpcKindOf(contentType: string): GrpcKind {
  const type = contentType.toLowerCase()
  if (!type.startsWith(GRPC_TYPE)) return GRPC.none
  const rest = type.slice(GRPC_TYPE.length)
  if (isEnd(rest)) return GRPC.grpc
  if (rest.startsWith('-web-text') && isEnd(rest.slice(9))) return GRPC.webText
  return rest.startsWith('-web') && isEnd(rest.slice(4)) ? GRPC.web : GRPC.none
}

function isEnd(rest: string): boolean {
  return rest === '' || /^[+; ]/.test(rest)
}

/** What an HTTP status means to a gRPC client (doc/http-grpc-status-mapping.md); a gateway's own 408 and 504 are about time, its 413 and 429 about limits. */
export function grpcStatusOfHttp(status: number): number {
  switch (status) {
    case 400:
      return GRPC_STATUS.internal
    case 401:
      return GRPC_STATUS.unauthenticated
    case 403:
      return GRPC_STATUS.permissionDenied
    case 404:
    case 405:
    case 501:
      return GRPC_STATUS.unimplemented
    case 408:
    case 504:
      return GRPC_STATUS.deadlineExceeded
    case 413:
    case 429:
    case 431:
      return GRPC_STATUS.resourceExhausted
    case 502:
    case 503:
      return GRPC_STATUS.unavailable
    case 500:
      return GRPC_STATUS.internal
    default:
      return GRPC_STATUS.unknown
  }
}

/** As which HTTP status an instance is judged that ends a call with this status: what says that the instance is in trouble, and not the call. */
export function httpStatusOfGrpc(status: number): number {
  switch (status) {
    case GRPC_STATUS.unavailable:
      return 503
    case GRPC_STATUS.internal:
    case GRPC_STATUS.unknown:
      return 500
    default:
      return 200
  }
}

/** `grpc-status` as a number; -1 for what is none. */
export function parseGrpcStatus(value: string): number {
  return /^(?:0|[1-9]\d{0,2})$/.test(value) ? Number(value) : -1
}

/** Text as `grpc-message` has it: UTF-8, of which everything but plain ASCII is percent-encoded. */
export function encodeGrpcMessage(text: string): string {
  return Buffer.from(text)
    .toString('latin1')
    .replaceAll(
      /[^ -$&-~]/g,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
    )
}

const UNIT_MS = new Map([
  ['H', 3_600_000],
  ['M', 60_000],
  ['S', 1_000],
  ['m', 1],
  ['u', 0.001],
  ['n', 0.000_001],
])
const DIGITS_MAX = 8

/** `grpc-timeout` in milliseconds; -1 for what is none. */
export function parseGrpcTimeout(value: string): number {
  const unit = UNIT_MS.get(value.slice(-1))
  const digits = value.slice(0, -1)
  if (unit === undefined || digits.length > DIGITS_MAX || !/^\d+$/.test(digits)) return -1
  return Number(digits) * unit
}

/** Milliseconds as `grpc-timeout` says them, rounded down to what has eight digits. */
export function formatGrpcTimeout(ms: number): string {
  const micros = Math.floor(ms * 1_000)
  if (micros < 100_000_000) return `${micros}u`
  const whole = Math.floor(ms)
  return whole < 100_000_000 ? `${whole}m` : `${Math.min(99_999_999, Math.floor(ms / 1_000))}S`
}
