/** What a further attempt may follow on, besides a status. */
export const RETRY_ON = {
  /** No connection came about. */
  connect: 1,
  /** The connection closed before an answer, or the answer could not be understood. */
  reset: 2,
  /** The attempt's own deadline passed. */
  timeout: 4,
  /** Any status from 500 to 599. */
  '5xx': 8,
  /** 502, 503 and 504: who answers is a gateway, or is in trouble. */
  'gateway-error': 16,
  /** The answer has `retriable: true` among its fields. */
  'retriable-header': 32,
  /** grpc-status 14. */
  'grpc-unavailable': 64,
  /** grpc-status 8. */
  'grpc-resource-exhausted': 128,
  /** grpc-status 1. */
  'grpc-cancelled': 256,
  /** grpc-status 4. */
  'grpc-deadline-exceeded': 512,
  /** grpc-status 13. */
  'grpc-internal': 1024,
} as const
export type RetryCondition = keyof typeof RETRY_ON

/** Those that are statuses of gRPC, as bits. */
export const GRPC_CONDITIONS =
  RETRY_ON['grpc-unavailable'] |
  RETRY_ON['grpc-resource-exhausted'] |
  RETRY_ON['grpc-cancelled'] |
  RETRY_ON['grpc-deadline-exceeded'] |
  RETRY_ON['grpc-internal']

/** Conditions as bits, and single statuses. */
export interface RetryConditions {
  readonly bits: number
  readonly statuses: ReadonlySet<number>
}

/** Puts conditions together: names of `RETRY_ON`, and statuses. */
export function compileConditions(on: readonly (RetryCondition | number)[]): RetryConditions {
  let bits = 0
  const statuses = new Set<number>()
  for (const one of on) {
    if (typeof one === 'number') statuses.add(one)
    else bits |= RETRY_ON[one]
  }
  return { bits, statuses }
}

/** Whether a failure without an answer may be tried again. */
export function retriesFailure(conditions: RetryConditions, failure: number): boolean {
  return (conditions.bits & failure) !== 0
}

/** Whether an answer may be tried again instead of being passed on. `grpcStatus` is -1 where it has none. */
export function retriesAnswer(
  conditions: RetryConditions,
  status: number,
  grpcStatus: number,
  isMarked: boolean,
): boolean {
  const { bits, statuses } = conditions
  if (statuses.has(status)) return true
  if ((bits & RETRY_ON['5xx']) !== 0 && status >= 500 && status <= 599) return true
  if ((bits & RETRY_ON['gateway-error']) !== 0 && status >= 502 && status <= 504) return true
  if (isMarked && (bits & RETRY_ON['retriable-header']) !== 0) return true
  return (bits & grpcBit(grpcStatus)) !== 0
}

/** https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
function grpcBit(status: number): number {
  switch (status) {
    case 1:
      return RETRY_ON['grpc-cancelled']
    case 4:
      return RETRY_ON['grpc-deadline-exceeded']
    case 8:
      return RETRY_ON['grpc-resource-exhausted']
    case 13:
      return RETRY_ON['grpc-internal']
    case 14:
      return RETRY_ON['grpc-unavailable']
    default:
      return 0
  }
}
