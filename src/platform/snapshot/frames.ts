import { FRAME_BYTES_MAX } from '../../contracts/snapshot.ts'

const LENGTH_BYTES = 4

/** The stream cannot be understood any more: the connection must be closed. */
export class FrameError extends Error {
  readonly code: 'ERR_SNAPSHOT_FRAME_TOO_LARGE' | 'ERR_SNAPSHOT_FRAME_UNREADABLE'

  constructor(code: FrameError['code'], message: string) {
    super(message)
    this.name = 'FrameError'
    this.code = code
  }
}

/**
 * One message as a frame: 4-byte big-endian length, UTF-8 JSON.
 * @throws FrameError ERR_SNAPSHOT_FRAME_TOO_LARGE beyond `FRAME_BYTES_MAX` bytes of JSON.
 */
export function encodeFrame(message: unknown): Buffer {
  const text = JSON.stringify(message)
  const bytes = Buffer.byteLength(text)
  if (bytes > FRAME_BYTES_MAX) throw tooLarge(bytes)
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + bytes)
  frame.writeUInt32BE(bytes, 0)
  frame.write(text, LENGTH_BYTES, 'utf8')
  return frame
}

/** Takes the bytes of one direction in pieces of any size. */
export interface FrameReader {
  /**
   * Calls back once for each message that is complete, in order. Keeps a copy of what is not.
   * @throws FrameError for a length beyond `FRAME_BYTES_MAX` or for bytes that are not JSON.
   */
  feed(chunk: Uint8Array): void
}

/** A reader for one connection. The callback gets parsed JSON that nobody has checked against a type yet. */
export function createFrameReader(onMessage: (message: unknown) => void): FrameReader {
  const prefix = Buffer.alloc(LENGTH_BYTES)
  let prefixLength = 0
  let body: Buffer | undefined
  let bodyLength = 0

  function takePrefix(chunk: Uint8Array, at: number): number {
    const taken = Math.min(LENGTH_BYTES - prefixLength, chunk.length - at)
    prefix.set(chunk.subarray(at, at + taken), prefixLength)
    prefixLength += taken
    if (prefixLength < LENGTH_BYTES) return taken
    const bytes = prefix.readUInt32BE(0)
    if (bytes > FRAME_BYTES_MAX) throw tooLarge(bytes)
    body = Buffer.allocUnsafe(bytes)
    bodyLength = 0
    return taken
  }

  function takeBody(into: Buffer, chunk: Uint8Array, at: number): number {
    const taken = Math.min(into.length - bodyLength, chunk.length - at)
    into.set(chunk.subarray(at, at + taken), bodyLength)
    bodyLength += taken
    if (bodyLength === into.length) {
      body = undefined
      prefixLength = 0
      onMessage(parseMessage(into))
    }
    return taken
  }

  return {
    feed(chunk) {
      let at = 0
      while (at < chunk.length) {
        at += body === undefined ? takePrefix(chunk, at) : takeBody(body, chunk, at)
      }
    },
  }
}

function parseMessage(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    throw new FrameError(
      'ERR_SNAPSHOT_FRAME_UNREADABLE',
      `A frame of ${bytes.length} bytes on the snapshot channel is not JSON; close the connection and start again.`,
    )
  }
}

function tooLarge(bytes: number): FrameError {
  return new FrameError(
    'ERR_SNAPSHOT_FRAME_TOO_LARGE',
    `A frame of ${bytes} bytes is larger than the snapshot channel's limit of ${FRAME_BYTES_MAX}; publish fewer changes at once.`,
  )
}
