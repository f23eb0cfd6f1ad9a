/** A receiver has answered that it does not take a message. The message names no URL: these have secrets. */
export class DeliveryRefusedError extends Error {
  readonly code = 'ERR_ALERTS_DELIVERY'
  /** False where the same message would be refused again. */
  readonly mayRetry: boolean
  /** What the receiver asked for; 0: nothing. */
  readonly retryAfterMs: number

  constructor(message: string, mayRetry: boolean, retryAfterMs = 0) {
    super(message)
    this.name = 'DeliveryRefusedError'
    this.mayRetry = mayRetry
    this.retryAfterMs = retryAfterMs
  }
}
