import {
  createRequestHead,
  parseRequestHead,
  type RequestHead,
} from '../../mechanisms/http1/request-head.ts'
import type { ClientGround } from './ground.ts'

/** Reads the request heads of one connection, one after the other. A head that comes in parts is parsed as far as it is there: no byte is looked at twice. */
export class HeadReader {
  readonly #ground: ClientGround
  #partial: RequestHead | null = null

  constructor(ground: ClientGround) {
    this.#ground = ground
  }

  /** Where a head that comes now is put. */
  get head(): RequestHead {
    return this.#partial ?? this.#ground.requestHead
  }

  /**
   * The position behind a whole head, which is valid until the next call for any connection of this worker; 0 for one that is not whole, whose bytes stay where
   * they are; a negative HEAD_ERROR.
   */
  read(head: RequestHead, bytes: Buffer, start: number, end: number): number {
    const next = parseRequestHead(bytes, start, end, this.#ground.headLimits, head)
    if (next > 0) this.#partial = null
    return next
  }

  /** The rest of this head is awaited. False: that was known already. */
  keep(head: RequestHead): boolean {
    if (this.#partial !== null) return false
    this.#partial = head
    this.#ground.requestHead = createRequestHead(this.#ground.limits.headersMax)
    return true
  }

  forget(): void {
    this.#partial = null
  }
}
