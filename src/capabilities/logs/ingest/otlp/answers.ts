import { VARINT_BYTES_MAX, writeVarint } from '../../../../mechanisms/varint/varint.ts'
import type { OtlpResult } from './exporter.ts'

const TAG_BYTES = 1

/** An `Export*ServiceResponse`: empty where everything was taken, else with its `partial_success` (the same fields in all three). */
export function partialSuccess({ rejected, message }: OtlpResult): Uint8Array {
  if (rejected === 0 && message === '') return Buffer.alloc(0)
  const count = Buffer.alloc(TAG_BYTES + VARINT_BYTES_MAX)
  count[0] = 0x08
  const inner = Buffer.concat([
    count.subarray(0, writeVarint(count, TAG_BYTES, rejected)),
    bytesField(0x12, Buffer.from(message)),
  ])
  return bytesField(0x0a, inner)
}

/** A `google.rpc.Status` with its message. */
export function statusMessage(message: string): Uint8Array {
  return bytesField(0x12, Buffer.from(message))
}

function bytesField(tag: number, bytes: Uint8Array): Uint8Array {
  const head = Buffer.alloc(TAG_BYTES + VARINT_BYTES_MAX)
  head[0] = tag
  return Buffer.concat([head.subarray(0, writeVarint(head, TAG_BYTES, bytes.length)), bytes])
}
