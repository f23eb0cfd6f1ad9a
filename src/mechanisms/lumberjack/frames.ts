/** The bytes are no Lumberjack: the connection must be closed. */
export class LumberjackError extends Error {
  readonly code = 'ERR_LUMBERJACK_FRAME'

  constructor(what: string) {
    super(`invalid Lumberjack: ${what}`)
    this.name = 'LumberjackError'
  }
}

/** One frame of a client (github.com/elastic/go-lumber, protocol version 2). `next` is the position behind it. */
export type LumberjackFrame =
  /** So many events come before an acknowledgement is waited for. */
  | { readonly kind: 'window'; readonly size: number; readonly next: number }
  | {
      readonly kind: 'event'
      readonly sequence: number
      readonly start: number
      readonly end: number
      readonly next: number
    }
  /** Frames, compressed by zlib. */
  | {
      readonly kind: 'compressed'
      readonly start: number
      readonly end: number
      readonly next: number
    }

const VERSION = 0x32
const [ACKNOWLEDGE, COMPRESSED, EVENT, WINDOW] = [0x41, 0x43, 0x4a, 0x57]

/** Events of one window. */
export const WINDOW_MAX = 100_000

/** The frame that begins at `at`; undefined: it has not come whole. Throws `LumberjackError`. */
export function readLumberjackFrame(
  bytes: Buffer,
  at: number,
  bytesMax: number,
): LumberjackFrame | undefined {
  if (bytes.length < at + 6) {
    if (bytes.length > at && bytes[at] !== VERSION) throw new LumberjackError('not version 2')
    return undefined
  }
  if (bytes[at] !== VERSION) throw new LumberjackError('not version 2')
  const number = bytes.readUInt32BE(at + 2)
  switch (bytes[at + 1]!) {
    case WINDOW:
      if (number > WINDOW_MAX)
        throw new LumberjackError(`a window of more than ${WINDOW_MAX} events`)
      return { kind: 'window', size: number, next: at + 6 }
    case EVENT: {
      if (bytes.length < at + 10) return undefined
      const end = endOf(at + 10, bytes.readUInt32BE(at + 6), bytesMax)
      if (bytes.length < end) return undefined
      return { kind: 'event', sequence: number, start: at + 10, end, next: end }
    }
    case COMPRESSED: {
      const end = endOf(at + 6, number, bytesMax)
      return bytes.length < end ? undefined : { kind: 'compressed', start: at + 6, end, next: end }
    }
    default:
      throw new LumberjackError('a frame of an unknown kind')
  }
}

/** Everything up to this event is stored. */
export function writeAcknowledgement(sequence: number): Buffer {
  const bytes = Buffer.from([VERSION, ACKNOWLEDGE, 0, 0, 0, 0])
  bytes.writeUInt32BE(sequence, 2)
  return bytes
}

function endOf(start: number, length: number, bytesMax: number): number {
  if (length > bytesMax) throw new LumberjackError(`a frame of more than ${bytesMax} bytes`)
  return start + length
}
