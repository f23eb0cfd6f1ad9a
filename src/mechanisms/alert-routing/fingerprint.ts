import type { Labels } from '../labels/labels.ts'

const OFFSET = 14_695_981_039_346_656_037n
const PRIME = 1_099_511_628_211n
const MASK = (1n << 64n) - 1n
const SEPARATOR = 255

/** Prometheus' fingerprint of labels (FNV-1a over names and values), as 16 hexadecimal digits. */
export function fingerprintOf({ names, values }: Labels): string {
  const encoder = new TextEncoder()
  let hash = OFFSET
  const add = (byte: number): void => {
    hash = ((hash ^ BigInt(byte)) * PRIME) & MASK
  }
  for (const [at, name] of names.entries()) {
    for (const text of [name, values[at]!]) {
      for (const byte of encoder.encode(text)) add(byte)
      add(SEPARATOR)
    }
  }
  return hash.toString(16).padStart(16, '0')
}
