const PAGE_BYTES = 256 * 1024
/** A longer key is refused. */
export const KEY_BYTES_MAX = PAGE_BYTES

/** A key of more bytes than a table takes. */
export class ByteTableKeyError extends Error {
  readonly code = 'ERR_BYTE_TABLE_KEY'

  constructor(bytes: number) {
    super(`A key of ${bytes} bytes: at most ${KEY_BYTES_MAX} are allowed.`)
    this.name = 'ByteTableKeyError'
  }
}

/**
 * Byte strings by small numbers in the order in which they were added, without an object a string: the bytes lie in pages, the rest in
 * columns. Strangers choose the keys, so the hash has a seed that they do not know. What is in a table stays in it.
 */
export class ByteTable {
  readonly #seed: number
  readonly #pages: Uint8Array[] = []
  #pageUsed = 0
  #slots = new Uint32Array(64)
  #hashes = new Uint32Array(32)
  #offsets = new Float64Array(32)
  #lengths = new Uint32Array(32)
  #count = 0

  constructor(seed: number) {
    this.#seed = seed | 0
  }

  get count(): number {
    return this.#count
  }

  /** Bytes that are held. */
  get bytes(): number {
    return this.#pages.length * PAGE_BYTES + this.#slots.length * 4 + this.#hashes.length * 16
  }

  /** The number of a key; -1 where it was never added. */
  find(bytes: Uint8Array, start: number, end: number): number {
    return this.#find(bytes, start, end, this.#hash(bytes, start, end))
  }

  /** The number of a key, which is added where it is new: then it is the count before. Throws `ByteTableKeyError`. */
  add(bytes: Uint8Array, start: number, end: number): number {
    const hash = this.#hash(bytes, start, end)
    const known = this.#find(bytes, start, end, hash)
    if (known >= 0) return known
    if (end - start > KEY_BYTES_MAX) throw new ByteTableKeyError(end - start)
    const id = this.#count++
    if (id === this.#hashes.length) this.#growColumns()
    this.#hashes[id] = hash
    this.#lengths[id] = end - start
    this.#offsets[id] = this.#store(bytes, start, end)
    if (this.#count * 2 > this.#slots.length) this.#growSlots()
    else this.#place(id)
    return id
  }

  /** The bytes of a key: a view. */
  key(id: number): Uint8Array {
    const offset = this.#offsets[id]!
    const at = offset % PAGE_BYTES
    return this.#pages[Math.floor(offset / PAGE_BYTES)]!.subarray(at, at + this.#lengths[id]!)
  }

  #find(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const mask = this.#slots.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const id = this.#slots[slot]! - 1
      if (id < 0) return -1
      if (this.#hashes[id] === hash && this.#isKey(id, bytes, start, end)) return id
    }
  }

  #isKey(id: number, bytes: Uint8Array, start: number, end: number): boolean {
    const length = end - start
    if (this.#lengths[id] !== length) return false
    const offset = this.#offsets[id]!
    const page = this.#pages[Math.floor(offset / PAGE_BYTES)]!
    const at = offset % PAGE_BYTES
    for (let index = 0; index < length; index++) {
      if (page[at + index] !== bytes[start + index]) return false
    }
    return true
  }

  /** Murmur3 over four bytes at a time (Appleby), with a seed. */
  #hash(bytes: Uint8Array, start: number, end: number): number {
    let hash = this.#seed
    let at = start
    for (; at + 4 <= end; at += 4) {
      const word =
        bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
      hash = mix(hash, word)
    }
    let rest = end - start
    for (; at < end; at++) rest = (rest << 8) ^ bytes[at]!
    hash = mix(hash, rest)
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
    return (hash ^ (hash >>> 16)) >>> 0
  }

  #store(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start
    if (this.#pages.length === 0 || this.#pageUsed + length > PAGE_BYTES) {
      this.#pages.push(new Uint8Array(PAGE_BYTES))
      this.#pageUsed = 0
    }
    const at = this.#pageUsed
    this.#pages.at(-1)!.set(bytes.subarray(start, end), at)
    this.#pageUsed += length
    return (this.#pages.length - 1) * PAGE_BYTES + at
  }

  #place(id: number): void {
    const mask = this.#slots.length - 1
    let slot = this.#hashes[id]! & mask
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
    this.#slots[slot] = id + 1
  }

  #growSlots(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2)
    for (let id = 0; id < this.#count; id++) this.#place(id)
  }

  #growColumns(): void {
    const length = this.#hashes.length * 2
    const hashes = new Uint32Array(length)
    hashes.set(this.#hashes)
    this.#hashes = hashes
    const lengths = new Uint32Array(length)
    lengths.set(this.#lengths)
    this.#lengths = lengths
    const offsets = new Float64Array(length)
    offsets.set(this.#offsets)
    this.#offsets = offsets
  }
}

function mix(hash: number, word: number): number {
  let mixed = Math.imul(word, 0xcc9e2d51)
  mixed = Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593)
  const both = hash ^ mixed
  return (Math.imul((both << 13) | (both >>> 19), 5) + 0xe6546b64) | 0
}
