import { copyBytes, lookAt, type WordView } from './bytes.ts'

/** Field lines longer than this are not kept. */
const KEPT_BYTES_MAX = 2_048
/** As many different sets of field lines are known at once. A power of two. */
const PLACES = 8
/** Of how many sets that were not known one is kept, once it is plain that nobody sends the same ones again. */
const KEPT_ONE_OF = 64
/** Misses count round, as small integers. */
const MISSES_MASK = 0xffff

/** Where the field lines of one message are. */
export interface FieldPlaces {
  /** Four positions a field: name start, name end, value start, value end (without surrounding white space). */
  readonly offsets: Int32Array
  /** One number of FIELD a field. */
  readonly ids: Uint8Array
  count: number
  /** Of the bytes that were parsed last. */
  readonly view: WordView
}

/** The field lines of one message, empty line included, and what they were found to be; positions count from the first byte. */
interface KnownFields {
  length: number
  readonly bytes: Uint8Array
  /** The same bytes, eight at a time. */
  readonly doubles: Float64Array
  offsets: Int32Array
  ids: Uint8Array
  count: number
  /** Messages whose field lines were others; each that had these counts for half of those before. */
  misses: number
}

/**
 * Field lines that came before. What a client sends over a kept connection differs from request to request in its first line and in little else, and what an
 * instance answers within a second often in nothing: field lines that are equal byte for byte mean the same, and comparing them costs a third of reading them.
 * One a table, so that nothing of one worker's is another's; at most some 20 KiB.
 */
export class FieldMemory {
  /** Read before, but not often enough to look at its words. */
  #bytes: Uint8Array | null = null
  readonly #places: (KnownFields | null)[] = Array.from({ length: PLACES }, () => null)

  /** Fills the table where [start, ...) begins with known lines that end at or before `end`, and returns the position behind them; else 0. */
  recall(start: number, end: number, table: FieldPlaces): number {
    const known = this.#places[(end - start) & (PLACES - 1)]
    if (known === null || known === undefined || known.length === 0) return 0
    const { length, count } = known
    if (end - start < length || !isEqual(table.view.words, start, known)) {
      known.misses = (known.misses + 1) & MISSES_MASK
      return 0
    }
    known.misses >>= 1
    const { offsets, ids } = table
    for (let i = 0; i < count * 4; i++) offsets[i] = known.offsets[i]! + start
    for (let i = 0; i < count; i++) ids[i] = known.ids[i]!
    table.count = count
    return start + length
  }

  /** Keeps the lines [start, next) of `bytes`, which the table holds; `end` as it was given to `recall`. */
  keep(bytes: Uint8Array, start: number, next: number, end: number, table: FieldPlaces): void {
    if (bytes !== table.view.bytes) {
      // A view costs more than a short head: it is made of what is read into again and again.
      if (bytes === this.#bytes) lookAt(bytes, table.view)
      this.#bytes = bytes
      return
    }
    const length = next - start
    if (length > KEPT_BYTES_MAX) return
    const place = (end - start) & (PLACES - 1)
    const known = (this.#places[place] ??= emptyPlace())
    if (known.misses > KEPT_ONE_OF && known.misses % KEPT_ONE_OF !== 0) return
    const { count } = table
    if (known.ids.length < count) {
      known.ids = new Uint8Array(table.ids.length)
      known.offsets = new Int32Array(table.ids.length * 4)
    }
    copyBytes(bytes, start, next, known.bytes, 0)
    for (let i = 0; i < count * 4; i++) known.offsets[i] = table.offsets[i]! - start
    for (let i = 0; i < count; i++) known.ids[i] = table.ids[i]!
    known.length = length
    known.count = count
  }
}

function emptyPlace(): KnownFields {
  const bytes = new Uint8Array(KEPT_BYTES_MAX)
  return {
    length: 0,
    bytes,
    doubles: new Float64Array(bytes.buffer),
    offsets: new Int32Array(0),
    ids: new Uint8Array(0),
    count: 0,
    misses: 0,
  }
}

/**
 * Eight bytes at a time, as numbers: equal numbers are equal bytes, because kept lines hold no NUL and so no zero, of which there are two; and bytes that are no
 * number are equal to nothing, which costs a reading.
 */
function isEqual(words: DataView, start: number, known: KnownFields): boolean {
  const { length, bytes, doubles } = known
  const whole = length >> 3
  for (let i = 0; i < whole; i++) {
    if (words.getFloat64(start + i * 8, true) !== doubles[i]) return false
  }
  for (let at = whole * 8; at < length; at++) {
    if (words.getUint8(start + at) !== bytes[at]) return false
  }
  return true
}
