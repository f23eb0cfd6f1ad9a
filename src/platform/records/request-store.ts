import { callerOf } from '../../contracts/callers.ts'
import { readRecords } from '../../contracts/records-reader.ts'
import type { RequestRecord } from '../../contracts/snapshot.ts'

/** What the newest finished requests may take, as they came. */
export const REQUESTS_BYTES_MAX = 16 * 1024 * 1024

interface Batch {
  readonly worker: number
  readonly bytes: Buffer
}

/** The newest finished requests of all workers. Batches are kept as they came, and read only when somebody asks. */
export class RequestStore {
  readonly #bytesMax: number
  #batches: Batch[] = []
  #bytes = 0

  constructor(bytesMax = REQUESTS_BYTES_MAX) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Batches that are held. */
  get batchCount(): number {
    return this.#batches.length
  }

  /** Takes over `bytes`. The oldest batches go when it is too much. */
  add(worker: number, bytes: Buffer): void {
    this.#batches.push({ worker, bytes })
    this.#bytes += bytes.length
    let gone = 0
    while (this.#bytes > this.#bytesMax && gone < this.#batches.length) {
      this.#bytes -= this.#batches[gone++]!.bytes.length
    }
    if (gone > 0) this.#batches = this.#batches.slice(gone)
  }

  /**
   * The request with this id: that of a client where there is one, the newest of them; else the first call that carried the id. Batches that do not have the
   * bytes of the id are not read.
   */
  find(requestId: string, onBroken: (error: unknown) => void): RequestRecord | null {
    const id = Buffer.from(requestId, 'latin1')
    const batches = this.#batches.filter(({ bytes }) => bytes.includes(id))
    const isIt = (record: RequestRecord): boolean => record.requestId === requestId
    const found = newestOf(batches, FOUND_MAX, isIt, onBroken)
    return found.find((record) => callerOf(record) === '') ?? found.at(-1) ?? null
  }

  /**
   * Newest first, at most `limit` of those that are wanted. A batch that cannot be read is left out, and told to `onBroken`. Workers hand
   * over a few times a second, so the order between two of them is as exact as that.
   */
  newest(
    limit: number,
    isWanted: (record: RequestRecord) => boolean,
    onBroken: (error: unknown) => void,
  ): RequestRecord[] {
    return newestOf(this.#batches, limit, isWanted, onBroken)
  }
}

function newestOf(
  batches: readonly Batch[],
  limit: number,
  isWanted: (record: RequestRecord) => boolean,
  onBroken: (error: unknown) => void,
): RequestRecord[] {
  const found: RequestRecord[] = []
  for (const { worker, bytes } of batches.toReversed()) {
    if (found.length >= limit) break
    try {
      const wanted = readRecords(bytes, worker).filter(isWanted)
      found.push(...wanted.toReversed().slice(0, limit - found.length))
    } catch (error) {
      onBroken(error)
    }
  }
  return found.toSorted((a, b) => endOf(b) - endOf(a))
}

/** As many as one request can have: the client's, and those of services that pass its id on. */
const FOUND_MAX = 256

function endOf({ startedAtMs, durationMs }: RequestRecord): number {
  return startedAtMs + durationMs
}
