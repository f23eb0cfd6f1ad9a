const MASK = (1n << 64n) - 1n
const DEFAULT_KEY = new TextEncoder().encode('backplane sticky')

/**
 * The opaque value of the sticky cookie for one instance: 16 hexadecimal digits, SipHash-2-4 of its id
 * (Aumasson and Bernstein, 2012). The same for the same id and key in every worker and after every restart.
 * With a secret key of at least 16 bytes the value cannot be traced to an address by trying addresses.
 */
export function stickyValue(id: string, key: Uint8Array = DEFAULT_KEY): string {
  if (key.length < 16) throw new RangeError(`a sticky key has at least 16 bytes, not ${key.length}`)
  return sipHash24(new TextEncoder().encode(id), key).toString(16).padStart(16, '0')
}

/** SipHash-2-4 of `bytes` with the first 16 bytes of `key`, as an unsigned 64-bit number. */
export function sipHash24(bytes: Uint8Array, key: Uint8Array): bigint {
  const k0 = readWord(key, 0)
  const k1 = readWord(key, 8)
  const v: State = [
    k0 ^ 0x736f6d6570736575n,
    k1 ^ 0x646f72616e646f6dn,
    k0 ^ 0x6c7967656e657261n,
    k1 ^ 0x7465646279746573n,
  ]
  const whole = bytes.length - (bytes.length % 8)
  for (let at = 0; at < whole; at += 8) absorb(v, readWord(bytes, at))
  absorb(v, readWord(bytes, whole) | (BigInt(bytes.length & 255) << 56n))
  v[2] ^= 0xffn
  for (let round = 0; round < 4; round++) sipRound(v)
  return v[0] ^ v[1] ^ v[2] ^ v[3]
}

type State = [bigint, bigint, bigint, bigint]

/** Little-endian word; what lies behind the end is zero. */
function readWord(bytes: Uint8Array, at: number): bigint {
  let word = 0n
  for (let i = 7; i >= 0; i--) word = (word << 8n) | BigInt(bytes[at + i] ?? 0)
  return word
}

function absorb(v: State, word: bigint): void {
  v[3] ^= word
  sipRound(v)
  sipRound(v)
  v[0] ^= word
}

function rotate(x: bigint, bits: bigint): bigint {
  return ((x << bits) | (x >> (64n - bits))) & MASK
}

function sipRound(v: State): void {
  v[0] = (v[0] + v[1]) & MASK
  v[1] = rotate(v[1], 13n) ^ v[0]
  v[0] = rotate(v[0], 32n)
  v[2] = (v[2] + v[3]) & MASK
  v[3] = rotate(v[3], 16n) ^ v[2]
  v[0] = (v[0] + v[3]) & MASK
  v[3] = rotate(v[3], 21n) ^ v[0]
  v[2] = (v[2] + v[1]) & MASK
  v[1] = rotate(v[1], 17n) ^ v[2]
  v[2] = rotate(v[2], 32n)
}
