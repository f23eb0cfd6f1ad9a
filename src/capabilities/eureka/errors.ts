/** What a client asked for in a way that cannot be answered: an HTTP status, and the words of the original. */
export class EurekaError extends Error {
  override readonly name = 'EurekaError'
  readonly code = 'ERR_EUREKA_REFUSED'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}
