import { type TrailerSection, writeTrailerLines } from '../http1/trailers.ts'
import { TRAILER_FIELDS_MAX } from '../http1/trailers.ts'

/** gRPC-web (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md): a call without trailers of HTTP, for clients in browsers. */

const GRPC_TYPE = 'application/grpc'
const WEB_TYPE = 'application/grpc-web'
const TEXT_TYPE = 'application/grpc-web-text'
/** The first byte of a frame that holds trailers and no message. */
const TRAILERS_FLAG = 0x80
const FRAME_HEAD_BYTES = 5

/** The content type of the same call in gRPC: what stands behind `application/grpc-web` or `-web-text` is kept. */
export function grpcTypeOf(webType: string): string {
  const rest = webType.slice(
    webType.toLowerCase().startsWith(TEXT_TYPE) ? TEXT_TYPE.length : WEB_TYPE.length,
  )
  return GRPC_TYPE + rest
}

/** The content type of the same answer in gRPC-web; undefined where it is no answer of gRPC. */
export function webTypeOf(grpcType: string, isText: boolean): string | undefined {
  if (!grpcType.toLowerCase().startsWith(GRPC_TYPE)) return undefined
  const rest = grpcType.slice(GRPC_TYPE.length)
  return rest === '' || /^[+; ]/.test(rest) ? (isText ? TEXT_TYPE : WEB_TYPE) + rest : undefined
}

/** The last frame of an answer: its trailers, as lines. Fields that trailers may not have are left out, as everywhere. */
export function trailerFrame(trailer: TrailerSection, dropNames: readonly string[]): Buffer {
  // One space behind each colon may be new.
  const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + trailer.length + TRAILER_FIELDS_MAX)
  const end = writeTrailerLines(trailer, frame, FRAME_HEAD_BYTES, dropNames)
  frame[0] = TRAILERS_FLAG
  frame.writeUInt32BE(end - FRAME_HEAD_BYTES, 1)
  return frame.subarray(0, end)
}

/** What is not finished of a group of four characters, and everything that a group may be. */
const GROUP = 4
const GROUPS = /^(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)*$/
const PADDED_PARTS = /[^=]+={0,2}/g

/** Reads base64 that comes in pieces. Whoever wrote it may have padded each of his own pieces (RFC 4648 section 3.2 does not forbid it, and clients do). */
export class Base64Reader {
  #rest = ''

  /** The bytes of all groups that are whole; undefined for what is no base64. */
  read(text: string): Buffer | undefined {
    const all = this.#rest + text
    const end = all.length - (all.length % GROUP)
    this.#rest = all.slice(end)
    const whole = all.slice(0, end)
    if (!GROUPS.test(whole)) return undefined
    const parts = whole.match(PADDED_PARTS) ?? []
    return parts.length === 1
      ? Buffer.from(parts[0]!, 'base64')
      : Buffer.concat(parts.map((part) => Buffer.from(part, 'base64')))
  }

  /** Nothing is left over. */
  get isWhole(): boolean {
    return this.#rest === ''
  }
}
