import type { Labels } from '../labels/labels.ts'

/** Labels as remote write 1.0 writes them, sorted: the key of a series, whoever sends it. */
export function encodeLabels({ names, values }: Labels): Uint8Array {
  let total = 0
  const lengths: number[] = []
  for (let at = 0; at < names.length; at++) {
    const nameBytes = Buffer.byteLength(names[at]!)
    const valueBytes = Buffer.byteLength(values[at]!)
    const inner = 2 + varintBytes(nameBytes) + nameBytes + varintBytes(valueBytes) + valueBytes
    lengths.push(nameBytes, valueBytes, inner)
    total += 1 + varintBytes(inner) + inner
  }
  const key = Buffer.allocUnsafeSlow(total)
  let to = 0
  for (let at = 0; at < names.length; at++) {
    const nameBytes = lengths[3 * at]!
    const valueBytes = lengths[3 * at + 1]!
    to = putHead(key, to, 0x0a, lengths[3 * at + 2]!)
    to = putHead(key, to, 0x0a, nameBytes)
    to = putText(key, to, names[at]!, nameBytes)
    to = putHead(key, to, 0x12, valueBytes)
    to = putText(key, to, values[at]!, valueBytes)
  }
  return key
}

function putHead(into: Buffer, at: number, tag: number, length: number): number {
  into[at] = tag
  let rest = length
  let to = at + 1
  while (rest > 127) {
    into[to++] = (rest & 127) | 128
    rest >>>= 7
  }
  into[to] = rest
  return to + 1
}

/** What has as many bytes as characters is ASCII: short, it is quickest by hand. */
function putText(into: Buffer, at: number, text: string, bytes: number): number {
  if (bytes === text.length && bytes < 32) {
    for (let index = 0; index < bytes; index++) into[at + index] = text.charCodeAt(index)
  } else into.write(text, at, 'utf8')
  return at + bytes
}

/** Bytes of a length in a varint. */
export function varintBytes(value: number): number {
  if (value < 128) return 1
  if (value < 16_384) return 2
  return value < 2_097_152 ? 3 : 4
}
