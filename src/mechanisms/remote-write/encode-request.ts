import { varintBytes } from './encode-labels.ts'

/** Tag and length of a double and its place in time: value is field 1, timestamp field 2 of a sample. */
const DOUBLE_BYTES = 9
const GROWTH = 2

/**
 * A write request (remote write 1.0) with one sample for each series: two of them, one behind the other, are one request with all of it. What is in it
 * is a copy.
 */
export class RequestBuilder {
  #bytes = Buffer.allocUnsafeSlow(64 * 1024)
  #at = 0
  #count = 0

  get sampleCount(): number {
    return this.#count
  }

  /** Adds a sample: `key` are labels as `encodeLabels` writes them, `high` and `low` the halves of a double. Milliseconds. */
  add(key: Uint8Array, time: number, high: number, low: number): void {
    const timeBytes = varint64Bytes(time)
    const sample = DOUBLE_BYTES + 1 + timeBytes
    const series = key.length + 1 + varintBytes(sample) + sample
    this.#reserve(1 + varintBytes(series) + series)
    const bytes = this.#bytes
    let at = putTag(bytes, this.#at, 0x0a, series)
    bytes.set(key, at)
    at = putTag(bytes, at + key.length, 0x12, sample)
    bytes[at] = 0x09
    at = bytes.writeInt32LE(low | 0, at + 1)
    at = bytes.writeInt32LE(high | 0, at)
    bytes[at] = 0x10
    this.#at = putVarint64(bytes, at + 1, time)
    this.#count++
  }

  /** All that was added, once. */
  take(): Uint8Array {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#at))
    this.#at = 0
    this.#count = 0
    return taken
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow((this.#at + more) * GROWTH)
    this.#bytes.copy(larger, 0, 0, this.#at)
    this.#bytes = larger
  }
}

function putTag(bytes: Buffer, at: number, tag: number, length: number): number {
  bytes[at] = tag
  let rest = length
  let to = at + 1
  while (rest > 127) {
    bytes[to++] = (rest & 127) | 128
    rest >>>= 7
  }
  bytes[to] = rest
  return to + 1
}

/** Times before 1970 take ten bytes, as in two's complement. */
function varint64Bytes(value: number): number {
  if (value < 0) return 10
  let bytes = 1
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) bytes++
  return bytes
}

function putVarint64(bytes: Buffer, at: number, value: number): number {
  let rest = BigInt.asUintN(64, BigInt(value))
  let to = at
  while (rest > 127n) {
    bytes[to++] = Number(rest & 127n) | 128
    rest >>= 7n
  }
  bytes[to] = Number(rest)
  return to + 1
}
