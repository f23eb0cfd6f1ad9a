/**
 * HalfSipHash (Aumasson and Bernstein) with 64 bits of output: a short keyed hash for tables whose keys strangers choose. Who does not know the
 * key cannot make two texts that meet. 2-4 rounds are the authors' choice for messages; 1-3 are what hash tables take (Rust, Ruby), at half the cost. Reads strings as they are, one byte a character (what header fields and addresses are), so that nothing is
 * copied. The result is in `high` and `low` until the next call.
 */
export class HalfSipHash {
  /** Upper and lower half of the last result, as unsigned 32-bit numbers. */
  high = 0
  low = 0
  readonly #key0: number
  readonly #key1: number

  readonly #wordRounds: number
  readonly #finalRounds: number

  constructor(key0: number, key1: number, [wordRounds, finalRounds]: readonly [number, number]) {
    this.#wordRounds = wordRounds
    this.#finalRounds = finalRounds
    this.#key0 = key0 | 0
    this.#key1 = key1 | 0
  }

  /** The hash of two 32-bit words and a text behind them: a table that several users share gives each its own words. */
  hash(word0: number, word1: number, text: string): void {
    this.#run(2, word0, word1, text)
  }

  /** The hash of a text alone, as the reference implementation has it. */
  hashText(text: string): void {
    this.#run(0, 0, 0, text)
  }

  /** One function with four local words: the rounds written out cost no call and no array. */
  #run(words: number, word0: number, word1: number, text: string): void {
    let v0 = this.#key0
    let v1 = this.#key1 ^ 0xee
    let v2 = 0x6c796765 ^ this.#key0
    let v3 = 0x74656462 ^ this.#key1
    const { length } = text
    const whole = length >> 2
    // The words before the text, the text four characters at a time, its rest with the length, and two steps that finish a half each.
    const last = words + whole
    for (let step = 0; step <= last + 2; step++) {
      let word = 0
      let rounds = this.#wordRounds
      if (step < words) word = step === 0 ? word0 : word1
      else if (step < last) word = wordAt(text, (step - words) << 2)
      else if (step === last) word = restOf(text, whole << 2, length + words * 4)
      else {
        rounds = this.#finalRounds
        if (step === last + 1) v2 ^= 0xee
        else v1 ^= 0xdd
      }
      v3 ^= word
      for (; rounds > 0; rounds--) {
        v0 = (v0 + v1) | 0
        v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
        v0 = (v0 << 16) | (v0 >>> 16)
        v2 = (v2 + v3) | 0
        v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
        v0 = (v0 + v3) | 0
        v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
        v2 = (v2 + v1) | 0
        v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
        v2 = (v2 << 16) | (v2 >>> 16)
      }
      v0 ^= word
      if (step === last + 1) this.low = (v1 ^ v3) >>> 0
    }
    this.high = (v1 ^ v3) >>> 0
  }
}

function wordAt(text: string, at: number): number {
  return (
    (text.charCodeAt(at) & 255) |
    ((text.charCodeAt(at + 1) & 255) << 8) |
    ((text.charCodeAt(at + 2) & 255) << 16) |
    (text.charCodeAt(at + 3) << 24)
  )
}

/** The last up to three characters, and the length of all in the highest byte. */
function restOf(text: string, at: number, bytes: number): number {
  let word = bytes << 24
  for (let i = at; i < text.length; i++) word |= (text.charCodeAt(i) & 255) << ((i - at) * 8)
  return word
}
