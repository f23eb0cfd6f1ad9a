import { type BitReader, putBits, putUvarint, putVarint, putWhole64 } from './bits.ts'

/** No window of bits was written yet. */
const NO_WINDOW = 0xff
/** Five bits say how many leading zeros there are. */
const LEADING_MAX = 31

/** More bits than one value takes: two control bits, the window's size, all of it. */
export const VALUE_BITS_MAX = 2 + 5 + 6 + 64
/** More bits than one time takes: a varint of ten bytes. */
export const TIME_BITS_MAX = 80

/**
 * Second differences of times, for many columns side by side (Pelkonen et al., "Gorilla", section 4.1.1, with Prometheus' sizes of
 * 14, 17, 20 and 64 bits, which suit milliseconds). Times are whole milliseconds and never fall.
 */
export class TimeColumns {
  readonly last: Float64Array
  readonly #deltas: Float64Array

  constructor(columns: number) {
    this.last = new Float64Array(columns)
    this.#deltas = new Float64Array(columns)
  }

  /** A copy with room for more columns. */
  grown(columns: number): TimeColumns {
    const more = new TimeColumns(columns)
    more.last.set(this.last)
    more.#deltas.set(this.#deltas)
    return more
  }

  /** Writes the time of sample number `count`, from 0 on. Returns the end. */
  put(bytes: Uint8Array, bit: number, column: number, count: number, time: number): number {
    const delta = time - this.last[column]!
    this.last[column] = time
    if (count === 0) return putVarint(bytes, bit, time)
    const second = delta - this.#deltas[column]!
    this.#deltas[column] = delta
    if (count === 1) return putUvarint(bytes, bit, delta)
    return putSecondDifference(bytes, bit, second)
  }

  /** What a chunk that goes on later must remember. */
  save(column: number): { readonly last: number; readonly delta: number } {
    return { last: this.last[column]!, delta: this.#deltas[column]! }
  }

  restore(column: number, last: number, delta: number): void {
    this.last[column] = last
    this.#deltas[column] = delta
  }
}

function putSecondDifference(bytes: Uint8Array, bit: number, value: number): number {
  if (value === 0) return bit + 1
  if (value >= -8191 && value <= 8192) {
    return putBits(bytes, putBits(bytes, bit, 0b10, 2), value, 14)
  }
  if (value >= -65_535 && value <= 65_536) {
    return putBits(bytes, putBits(bytes, bit, 0b110, 3), value, 17)
  }
  if (value >= -524_287 && value <= 524_288) {
    return putBits(bytes, putBits(bytes, bit, 0b1110, 4), value, 20)
  }
  return putWhole64(bytes, putBits(bytes, bit, 0b1111, 4), value)
}

/** Reads a second difference. */
export function readSecondDifference(reader: BitReader): number {
  if (reader.bit() === 0) return 0
  if (reader.bit() === 0) return signed(reader.bits(14), 14)
  if (reader.bit() === 0) return signed(reader.bits(17), 17)
  if (reader.bit() === 0) return signed(reader.bits(20), 20)
  return reader.whole64()
}

/** The largest positive number has the bits of a sign: 8192 in 14 bits. */
function signed(value: number, bits: number): number {
  return value > 2 ** (bits - 1) ? value - 2 ** bits : value
}

/**
 * Values as their exclusive or with the one before (section 4.1.2), for many columns side by side. A value is the two halves of a
 * double, so that every NaN keeps its bits.
 */
export class ValueColumns {
  readonly high: Int32Array
  readonly low: Int32Array
  readonly #leading: Uint8Array
  readonly #trailing: Uint8Array

  constructor(columns: number) {
    this.high = new Int32Array(columns)
    this.low = new Int32Array(columns)
    this.#leading = new Uint8Array(columns)
    this.#trailing = new Uint8Array(columns)
  }

  /** A copy with room for more columns. */
  grown(columns: number): ValueColumns {
    const more = new ValueColumns(columns)
    more.high.set(this.high)
    more.low.set(this.low)
    more.#leading.set(this.#leading)
    more.#trailing.set(this.#trailing)
    return more
  }

  /** Writes the first value of a chunk, whole. Returns the end. */
  putFirst(bytes: Uint8Array, bit: number, column: number, high: number, low: number): number {
    this.high[column] = high
    this.low[column] = low
    this.#leading[column] = NO_WINDOW
    this.#trailing[column] = 0
    return putBits(bytes, putBits(bytes, bit, high, 32), low, 32)
  }

  /** Writes another value. Returns the end. */
  put(bytes: Uint8Array, bit: number, column: number, high: number, low: number): number {
    const xorHigh = high ^ this.high[column]!
    const xorLow = low ^ this.low[column]!
    if ((xorHigh | xorLow) === 0) return bit + 1
    this.high[column] = high
    this.low[column] = low
    const leading = Math.min(
      LEADING_MAX,
      xorHigh === 0 ? 32 + Math.clz32(xorLow) : Math.clz32(xorHigh),
    )
    const trailing = xorLow === 0 ? 32 + trailingZeros(xorHigh) : trailingZeros(xorLow)
    const windowLeading = this.#leading[column]!
    const windowTrailing = this.#trailing[column]!
    if (windowLeading !== NO_WINDOW && leading >= windowLeading && trailing >= windowTrailing) {
      const end = putBits(bytes, bit, 0b10, 2)
      return putWindow(bytes, end, xorHigh, xorLow, windowLeading, windowTrailing)
    }
    this.#leading[column] = leading
    this.#trailing[column] = trailing
    const size = 64 - leading - trailing
    const end = putBits(bytes, bit, (0b11 << 11) | (leading << 6) | (size & 63), 13)
    return putWindow(bytes, end, xorHigh, xorLow, leading, trailing)
  }

  /** What a chunk that goes on later must remember. */
  save(column: number): readonly [high: number, low: number, leading: number, trailing: number] {
    return [this.high[column]!, this.low[column]!, this.#leading[column]!, this.#trailing[column]!]
  }

  restore(column: number, high: number, low: number, leading: number, trailing: number): void {
    this.high[column] = high
    this.low[column] = low
    this.#leading[column] = leading
    this.#trailing[column] = trailing
  }
}

function trailingZeros(word: number): number {
  return 31 - Math.clz32(word & -word)
}

function putWindow(
  bytes: Uint8Array,
  bit: number,
  high: number,
  low: number,
  leading: number,
  trailing: number,
): number {
  const highBits = 32 - leading
  // Leading zeros are at most 31, so some of the high word is in the window.
  if (trailing >= 32) return putBits(bytes, bit, high >>> (trailing - 32), highBits - trailing + 32)
  const end = putBits(bytes, bit, high, highBits)
  return putBits(bytes, end, low >>> trailing, 32 - trailing)
}

/** One column, read back. */
export class ValueReader {
  high = 0
  low = 0
  #leading = 0
  #trailing = 0

  first(reader: BitReader): void {
    this.high = reader.bits(32) | 0
    this.low = reader.bits(32) | 0
    this.#leading = 0
    this.#trailing = 0
  }

  next(reader: BitReader): void {
    if (reader.bit() === 0) return
    if (reader.bit() === 1) {
      const window = reader.bits(11)
      this.#leading = window >> 6
      const size = window & 63 || 64
      // A window that is too large reaches beyond the value: what is read is wrong then, and harms nobody.
      this.#trailing = Math.max(0, 64 - this.#leading - size)
    }
    const highBits = 32 - this.#leading
    if (this.#trailing >= 32) {
      const count = highBits - this.#trailing + 32
      if (count > 0) this.high ^= reader.bits(count) << (this.#trailing - 32)
      return
    }
    this.high ^= reader.bits(highBits)
    this.low ^= reader.bits(32 - this.#trailing) << this.#trailing
  }
}
