/** The smallest writer of protobuf, for tests: it knows nothing of the reader. */

function varint(value: number): number[] {
  let rest = BigInt(value)
  if (rest < 0n) rest += 2n ** 64n
  const bytes: number[] = []
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128)
    rest >>= 7n
  }
  bytes.push(Number(rest))
  return bytes
}

/** A whole number; what is negative in two's complement. */
export function varintField(field: number, value: number): Uint8Array {
  return Uint8Array.from([...varint(field << 3), ...varint(value)])
}

/** A double. */
export function doubleField(field: number, value: number): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return Uint8Array.from([...varint((field << 3) | 1), ...bytes])
}

/** A message, or packed numbers. */
export function bytesField(field: number, bytes: Uint8Array): Uint8Array {
  return Uint8Array.from([...varint((field << 3) | 2), ...varint(bytes.length), ...bytes])
}

/** A text. */
export function textField(field: number, text: string): Uint8Array {
  return bytesField(field, Buffer.from(text))
}

/** A message of fields. */
export function encodeMessage(...fields: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(fields.flatMap((field) => [...field]))
}

/** A series of a write request 1.0, as field 1 of it. */
export function seriesField(
  labels: readonly (readonly [string, string])[],
  samples: readonly (readonly [timeMs: number, value: number])[],
  ...more: readonly Uint8Array[]
): Uint8Array {
  return bytesField(
    1,
    encodeMessage(
      ...labels.map(([name, value]) =>
        bytesField(1, encodeMessage(textField(1, name), textField(2, value))),
      ),
      ...samples.map(([timeMs, value]) =>
        bytesField(2, encodeMessage(doubleField(1, value), varintField(2, timeMs))),
      ),
      ...more,
    ),
  )
}
