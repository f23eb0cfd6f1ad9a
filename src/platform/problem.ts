/** An error that a client of an HTTP listener may see: RFC 9457 problem details with a stable code. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  readonly statusCode: number
  readonly code: string
  readonly fields: Readonly<Record<string, unknown>>

  constructor(
    statusCode: number,
    code: string,
    message: string,
    fields: Readonly<Record<string, unknown>> = {},
  ) {
    super(message)
    this.statusCode = statusCode
    this.code = code
    this.fields = fields
  }
}
