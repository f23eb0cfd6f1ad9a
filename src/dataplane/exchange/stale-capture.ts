import type { Framing } from '../../mechanisms/http1/response-head.ts'
import type { Fields, StaleCache } from '../../mechanisms/stale-cache/stale-cache.ts'

/** An answer that is being kept while it passes by. */
export interface StaleCapture {
  readonly cache: StaleCache
  readonly key: string
  readonly request: Fields
  readonly response: Fields
  readonly forMs: number
  readonly framing: Framing
  readonly contentLength: number
  /** As they came, chunks with their framing. */
  readonly parts: Buffer[]
  byteCount: number
}
