import { crc32 } from 'node:zlib'

/** Length and checksum, four bytes each, in front of what is said. */
const HEADER_BYTES = 8
/** A longer record is no record. */
export const RECORD_BYTES_MAX = 32 * 1024 * 1024

/** Puts a record into its frame: copied. */
export function encodeFrame(record: Uint8Array): Uint8Array {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + record.length)
  frame.writeUInt32LE(record.length, 0)
  frame.writeUInt32LE(crc32(record), 4)
  frame.set(record, HEADER_BYTES)
  return frame
}

/** How the reading of frames ended. */
export interface FramesEnd {
  /** Bytes that are whole records. */
  readonly goodBytes: number
  /** Whether something stands behind them that is none: a torn tail, or damage. */
  readonly isTorn: boolean
}

/** Hands on every whole record of some bytes, as views, up to the first that is none. */
export function readFrames(bytes: Buffer, onRecord: (record: Buffer) => void): FramesEnd {
  let at = 0
  while (at + HEADER_BYTES <= bytes.length) {
    const length = bytes.readUInt32LE(at)
    const end = at + HEADER_BYTES + length
    // A run of zeros is what a file system leaves behind when the power fails.
    if (length === 0 || length > RECORD_BYTES_MAX || end > bytes.length) break
    const record = bytes.subarray(at + HEADER_BYTES, end)
    if (crc32(record) !== bytes.readUInt32LE(at + 4)) break
    onRecord(record)
    at = end
  }
  return { goodBytes: at, isTorn: at < bytes.length }
}
