/** So many are remembered. */
const REMEMBERED = 128

/** How a stream that is not there any more has ended. */
export type ClosedBy =
  /** Both sides have said all; a further frame breaks the rules of the whole connection. */
  | 'end'
  /** The peer has given it up; a further frame is a mistake on that stream. */
  | 'peer'
  /** We have given it up; the peer may not know yet. */
  | 'us'
  /** Too long ago to know. */
  | 'unknown'

/** The streams that ended early, the newest ones: what a late frame means depends on who has ended its stream (RFC 9113 section 5.1). */
export class ClosedStreams {
  #ids: Int32Array | null = null
  #isOurs: Uint8Array | null = null
  #count = 0
  /** The largest one that is forgotten. */
  #forgotten = 0

  add(id: number, isOurs: boolean): void {
    this.#ids ??= new Int32Array(REMEMBERED)
    this.#isOurs ??= new Uint8Array(REMEMBERED)
    const place = this.#count++ % REMEMBERED
    this.#forgotten = Math.max(this.#forgotten, this.#ids[place]!)
    this.#ids[place] = id
    this.#isOurs[place] = isOurs ? 1 : 0
  }

  /** Of a stream that was open once. */
  howEnded(id: number): ClosedBy {
    const place = this.#ids?.indexOf(id) ?? -1
    if (place >= 0) return this.#isOurs![place] === 1 ? 'us' : 'peer'
    return id <= this.#forgotten ? 'unknown' : 'end'
  }
}
