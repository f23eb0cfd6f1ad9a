/** `ERR_DISCOVERY_*`: docs/errors/discovery.md explains each. */
export type DiscoveryErrorCode =
  | 'ERR_DISCOVERY_INVALID'
  | 'ERR_DISCOVERY_LIMIT'
  | 'ERR_DISCOVERY_FULL'
  | 'ERR_DISCOVERY_INSTANCE_UNKNOWN'
  | 'ERR_DISCOVERY_SERVICE_UNKNOWN'
  | 'ERR_DISCOVERY_INSTANCE_TAKEN'
  | 'ERR_DISCOVERY_EXEC_REFUSED'
  | 'ERR_DISCOVERY_NOT_ROUTABLE_YET'
  | 'ERR_DISCOVERY_WATCHERS_FULL'

/** What discovery refuses. `statusCode` is the HTTP status that fits; the message says what to do. */
export class DiscoveryError extends Error {
  override readonly name = 'DiscoveryError'
  readonly code: DiscoveryErrorCode
  readonly statusCode: number

  constructor(statusCode: number, code: DiscoveryErrorCode, message: string) {
    super(message)
    this.statusCode = statusCode
    this.code = code
  }
}
