/** What a client is told in Consul's own words: a status and plain text, which real clients match on. */
export class ConsulError extends Error {
  override readonly name = 'ConsulError'
  readonly status: number
  readonly fields: readonly (readonly [name: string, value: string])[]

  constructor(
    status: number,
    text: string,
    fields: readonly (readonly [name: string, value: string])[] = [],
  ) {
    super(text)
    this.status = status
    this.fields = fields
  }
}
