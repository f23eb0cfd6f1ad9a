/** Codes of gRPC (https://grpc.github.io/grpc/core/md_doc_statuscodes.html). */
export const CODE = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const

/** A call ends with another status than OK; `trailers` say more to KurrentDB's clients: `exception` and what belongs to it. */
export class GrpcError extends Error {
  override readonly name = 'GrpcError'
  readonly status: number
  readonly trailers: Readonly<Record<string, string>>

  constructor(status: number, message: string, trailers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.trailers = trailers
  }
}
