/** Tables for eight bytes at a time ("slicing by 8"), of the reversed polynomial of Castagnoli. */
const tables: readonly Uint32Array[] = makeTables()

function makeTables(): readonly Uint32Array[] {
  const first = Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte
    for (let bit = 0; bit < 8; bit++)
      value = (value & 1) === 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1
    return value
  })
  const all = [first]
  for (let table = 1; table < 8; table++) {
    const before = all[table - 1]!
    all.push(before.map((value) => (value >>> 8) ^ first[value & 255]!))
  }
  return all
}

/** CRC-32C (RFC 3720, appendix B.4) of `bytes[start, end)`, going on from `crc`. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length, crc = 0): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables
  let value = ~crc
  let at = start
  for (; at + 8 <= end; at += 8) {
    const word =
      value ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24))
    value =
      t7![word & 255]! ^
      t6![(word >>> 8) & 255]! ^
      t5![(word >>> 16) & 255]! ^
      t4![word >>> 24]! ^
      t3![bytes[at + 4]!]! ^
      t2![bytes[at + 5]!]! ^
      t1![bytes[at + 6]!]! ^
      t0![bytes[at + 7]!]!
  }
  for (; at < end; at++) value = (value >>> 8) ^ t0![(value ^ bytes[at]!) & 255]!
  return ~value >>> 0
}
