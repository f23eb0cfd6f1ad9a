/** Bytes that are handed to the main thread at once. */
export const BATCH_BYTES = 256 * 1024
/** Batches of one kind and worker that may be away; beyond it what comes is dropped and counted. */
export const BATCHES_MAX = 4

/** Takes ownership of a batch and brings its buffer back through `giveBack`. `count`: entries in it. */
export type SendBatch = (buffer: ArrayBuffer, length: number, count: number) => void

/**
 * Batches of entries of one worker, never waiting for anybody: whoever writes asks for room, writes behind `end`, and moves `end`.
 * Memory is bounded by `BATCHES_MAX` buffers, which go round.
 */
export class BatchBuffers {
  readonly #send: SendBatch
  readonly #bytes: number
  readonly #spare: Buffer[] = []
  #made = 0
  #current: Buffer | null = null
  #count = 0
  /** Where the next entry goes. */
  end = 0
  /** Entries dropped so far, because every buffer was away. */
  droppedCount = 0

  /** `bytes`: of one batch, more than any entry takes. */
  constructor(send: SendBatch, bytes = BATCH_BYTES) {
    this.#send = send
    this.#bytes = bytes
  }

  /** A buffer with room for `bytes` behind `end`; null: the entry is dropped, and counted. */
  reserve(bytes: number): Buffer | null {
    if (this.#current !== null && this.#current.length - this.end < bytes) this.flush()
    const buffer = (this.#current ??= this.#take())
    if (buffer === null) this.droppedCount++
    else this.#count++
    return buffer
  }

  /** Room that is left without handing over what there is. */
  get room(): number {
    return this.#bytes - (this.#current === null ? 0 : this.end)
  }

  /** Hands over what there is. */
  flush(): void {
    const full = this.#current
    if (full === null || this.end === 0) return
    const length = this.end
    const count = this.#count
    this.#current = null
    this.end = 0
    this.#count = 0
    this.#send(full.buffer as ArrayBuffer, length, count)
  }

  /** A batch has been taken care of; its buffer is used again. */
  giveBack(buffer: ArrayBuffer): void {
    this.#spare.push(Buffer.from(buffer))
  }

  #take(): Buffer | null {
    const spare = this.#spare.pop()
    if (spare !== undefined) return spare
    if (this.#made === BATCHES_MAX) return null
    this.#made++
    return Buffer.from(new ArrayBuffer(this.#bytes))
  }
}
