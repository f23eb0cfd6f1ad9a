import { headerValue, type RequestHead } from '../../../mechanisms/http1/request-head.ts'
import type { LeanRequest } from './options.ts'

/** Values of the fields that a listener asks for, by name; most requests have few of them. */
export type KeptFields = readonly (readonly [name: string, value: string])[]

const NONE: KeptFields = []

/** What is asked for and there. */
export function keepFields(
  bytes: Uint8Array,
  head: RequestHead,
  names: readonly string[],
): KeptFields {
  let kept: [string, string][] | undefined
  for (const name of names) {
    const value = headerValue(bytes, head, name)
    if (value !== undefined) (kept ??= []).push([name, value])
  }
  return kept ?? NONE
}

/** A request as it is kept while it waits. */
export class KeptRequest implements LeanRequest {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly address: string
  readonly body: Buffer
  readonly #fields: KeptFields

  constructor(
    { method, path, query, address, body }: Omit<LeanRequest, 'field'>,
    fields: KeptFields,
  ) {
    this.method = method
    this.path = path
    this.query = query
    this.address = address
    this.body = body
    this.#fields = fields
  }

  field(name: string): string {
    return this.#fields.find(([one]) => one === name)?.[1] ?? ''
  }
}
