import { BlockCorruptError, ByteReader, ByteWriter } from './bytes.ts'
import { crc32c } from './crc32c.ts'

/** First bytes of a file of chunks: magic, version 1, three zeros. */
export const CHUNKS_HEAD: Uint8Array = Uint8Array.of(0x85, 0xbd, 0x40, 0xdd, 1, 0, 0, 0)

/** How the bytes of a chunk are to be read. Prometheus' own histograms (2 and 3) are another layout than ours, which has its own number. */
export const CHUNK_ENCODING = { floats: 1, histograms: 0x40 } as const

/** A chunk as it stands in a file: its length, its encoding, its bytes, a checksum of the last two. */
export function encodeChunkFrame(encoding: number, chunk: Uint8Array): Uint8Array {
  const out = new ByteWriter()
  out.uvarint(chunk.length)
  const start = out.length
  out.byte(encoding)
  out.bytes(chunk)
  out.uint32(crc32c(out.view(), start))
  return out.view().slice()
}

/** More bytes than the frame has around its chunk. */
export const FRAME_BYTES_MAX = 5 + 1 + 4

/** A chunk read back. */
export interface FramedChunk {
  readonly encoding: number
  readonly chunk: Uint8Array
}

/** Reads the frame at a place of some bytes. Throws `BlockCorruptError`. */
export function readChunkFrame(bytes: Uint8Array, at: number): FramedChunk {
  const reader = new ByteReader(bytes, at)
  const length = reader.uvarint()
  const start = reader.at
  const encoding = reader.byte()
  const chunk = reader.view(length)
  if (reader.uint32() !== crc32c(bytes, start, start + 1 + length)) {
    throw new BlockCorruptError('the checksum of a chunk')
  }
  return { encoding, chunk }
}
