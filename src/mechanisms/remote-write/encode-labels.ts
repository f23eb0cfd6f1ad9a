import type { Labels } from '../labels/labels.ts'

const encoder = new TextEncoder()

/** Labels as remote write 1.0 writes them, sorted: the key of a series, whoever sends it. */
export function encodeLabels({ names, values }: Labels): Uint8Array {
  const parts = names.map((name, at) => {
    const nameBytes = encoder.encode(name)
    const valueBytes = encoder.encode(values[at]!)
    const inner = [
      ...head(0x0a, nameBytes.length),
      ...nameBytes,
      ...head(0x12, valueBytes.length),
      ...valueBytes,
    ]
    return [...head(0x0a, inner.length), ...inner]
  })
  return Uint8Array.from(parts.flat())
}

function head(tag: number, length: number): readonly number[] {
  const bytes = [tag]
  let rest = length
  while (rest > 127) {
    bytes.push((rest & 127) | 128)
    rest >>>= 7
  }
  bytes.push(rest)
  return bytes
}
