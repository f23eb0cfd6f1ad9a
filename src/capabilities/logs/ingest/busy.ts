/** Nothing can be taken now; the sender may try again. */
export class IngestBusyError extends Error {
  readonly code = 'ERR_LOGS_BUSY'
  override readonly name = 'IngestBusyError'
  /** 429: too much waits; 503: the disk takes nothing. */
  readonly statusCode: 429 | 503
  readonly retryAfterSeconds: number

  constructor(statusCode: 429 | 503, retryAfterSeconds: number, why: string) {
    super(`Nothing can be taken now: ${why}. Try again in ${retryAfterSeconds} s.`)
    this.statusCode = statusCode
    this.retryAfterSeconds = retryAfterSeconds
  }
}
