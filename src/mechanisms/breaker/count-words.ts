/**
 * A count with the tag of what it is about, in one 32-bit word: twelve bits of tag, twenty of count. Whoever counts for an older tag than the
 * word's is too late and changes nothing; for a newer one the count begins anew. So nothing must ever be cleared, and nobody waits for anybody.
 */
const COUNT_BITS = 20
const COUNT_MASK = (1 << COUNT_BITS) - 1
const COUNT_MAX = (1 << (COUNT_BITS - 1)) - 1
/** Tags count round. */
export const TAG_MASK = 0xfff
const TAG_HALF = 0x800

/** The count of a word whose tag is `tag`, else 0. */
export function readTagged(words: Int32Array, at: number, tag: number): number {
  const word = Atomics.load(words, at)
  return word >>> COUNT_BITS === tag ? (word << (32 - COUNT_BITS)) >> (32 - COUNT_BITS) : 0
}

/** Adds to the count of `tag`; it stops at half a million. */
export function addTagged(words: Int32Array, at: number, tag: number, amount: number): void {
  for (;;) {
    const word = Atomics.load(words, at)
    const age = (tag - (word >>> COUNT_BITS)) & TAG_MASK
    if (age >= TAG_HALF) return
    const count = age === 0 ? (word << (32 - COUNT_BITS)) >> (32 - COUNT_BITS) : 0
    const next = Math.min(COUNT_MAX, count + amount)
    const nextWord = (tag << COUNT_BITS) | (next & COUNT_MASK)
    if (Atomics.compareExchange(words, at, word, nextWord) === word) return
  }
}

/** Makes the count of `tag` 0, unless something was counted for it or for a newer one. */
export function beginTagged(words: Int32Array, at: number, tag: number): void {
  addTagged(words, at, tag, 0)
}

/** The count becomes 0 whatever it was about. */
export function clearTagged(words: Int32Array, at: number): void {
  const word = Atomics.load(words, at)
  Atomics.compareExchange(words, at, word, word & ~COUNT_MASK)
}
