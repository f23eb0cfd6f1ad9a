/** What an entry costs beside its bytes (RFC 7541 section 4.1). */
export const ENTRY_BYTES = 32
/** The bytes of most connections fit: a host, a user agent, a path. */
const FIRST_BYTES = 512

/**
 * The newest fields of one connection, as bytes, up to a size. Names and values lie one behind the other in one buffer, which grows up to twice that size and
 * is compacted when its end is reached; it is made with the first field, because most connections are idle.
 */
export class DynamicTable {
  /** What the entries of it may cost, and what they cost now. */
  sizeMax: number
  size = 0
  count = 0
  bytes: Uint8Array = NO_BYTES
  readonly #bytesMax: number
  /** Start of the name, end of the name, end of the value of each place of a ring. */
  #offsets: Int32Array = NO_OFFSETS
  #places = 0
  /** Place of the newest entry. */
  #newest = -1
  #end = 0

  /** `bytesMax`: no size that is set later is larger. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
    this.sizeMax = bytesMax
  }

  /** Where the entry's three positions begin in `offsets`; 0 is the newest one. It must be below `count`. */
  placeOf(age: number): number {
    const place = this.#newest - age
    return (place < 0 ? place + this.#places : place) * 3
  }

  get offsets(): Int32Array {
    return this.#offsets
  }

  /** Sets what the entries may cost, and drops what is too much. At most what the constructor was told. */
  resize(sizeMax: number): void {
    this.sizeMax = sizeMax
    this.#evict(sizeMax)
  }

  /** Adds the name and the value, which must not lie in this table. One that is too large only empties it (section 4.4). */
  insert(
    bytes: Uint8Array,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
  ): void {
    const length = nameEnd - nameStart + valueEnd - valueStart
    const cost = length + ENTRY_BYTES
    this.#evict(this.sizeMax - cost)
    if (cost > this.sizeMax) return
    if (this.#places === 0) this.#allocate()
    if (this.#end + length > this.bytes.length) this.#makeRoom(length)
    const start = this.#end
    const middle = copy(bytes, nameStart, nameEnd, this.bytes, start)
    this.#end = copy(bytes, valueStart, valueEnd, this.bytes, middle)
    this.#newest = this.#newest + 1 === this.#places ? 0 : this.#newest + 1
    const at = this.#newest * 3
    this.#offsets[at] = start
    this.#offsets[at + 1] = middle
    this.#offsets[at + 2] = this.#end
    this.size += cost
    this.count++
  }

  /** Drops the oldest until all costs at most `sizeMax`. */
  #evict(sizeMax: number): void {
    while (this.count > 0 && this.size > sizeMax) {
      const at = this.placeOf(this.count - 1)
      this.size -= this.#offsets[at + 2]! - this.#offsets[at]! + ENTRY_BYTES
      this.count--
    }
  }

  #allocate(): void {
    this.#places = Math.ceil(this.#bytesMax / ENTRY_BYTES)
    this.#offsets = new Int32Array(this.#places * 3)
  }

  /** Moves what is left of the entries to the beginning of a buffer of which it then takes at most half, so that this is rare. */
  #makeRoom(length: number): void {
    const start = this.count === 0 ? this.#end : this.#offsets[this.placeOf(this.count - 1)]!
    const wanted = (this.#end - start + length) * 2
    const isEnough = wanted <= this.bytes.length || this.bytes.length === this.#bytesMax * 2
    if (isEnough) this.bytes.copyWithin(0, start, this.#end)
    else {
      const doubled = Math.max(FIRST_BYTES, wanted, this.bytes.length * 2)
      const larger = new Uint8Array(Math.min(this.#bytesMax * 2, doubled))
      larger.set(this.bytes.subarray(start, this.#end))
      this.bytes = larger
    }
    for (let age = 0; age < this.count; age++) {
      const at = this.placeOf(age)
      for (let i = at; i < at + 3; i++) this.#offsets[i] = this.#offsets[i]! - start
    }
    this.#end -= start
  }
}

const NO_BYTES = new Uint8Array(0)
const NO_OFFSETS = new Int32Array(0)

function copy(
  from: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  outStart: number,
): number {
  let at = outStart
  for (let i = start; i < end; i++) out[at++] = from[i]!
  return at
}
