/** RFC 9113 section 6. */
export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  resetStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

/** Bits of a frame's flags. */
export const FLAG = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const

/** RFC 9113 section 7. */
export const H2_ERROR = {
  noError: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSize: 6,
  refusedStream: 7,
  cancel: 8,
  compression: 9,
  connect: 10,
  enhanceYourCalm: 11,
  inadequateSecurity: 12,
  http11Required: 13,
} as const

const ERROR_NAMES: readonly string[] =
  'NO_ERROR PROTOCOL_ERROR INTERNAL_ERROR FLOW_CONTROL_ERROR SETTINGS_TIMEOUT STREAM_CLOSED FRAME_SIZE_ERROR REFUSED_STREAM CANCEL COMPRESSION_ERROR CONNECT_ERROR ENHANCE_YOUR_CALM INADEQUATE_SECURITY HTTP_1_1_REQUIRED'.split(
    ' ',
  )

/** The standard's name of an error code. */
export function h2ErrorName(code: number): string {
  return ERROR_NAMES[code] ?? `error ${code}`
}

/** RFC 9113 section 6.5.2, and 8441 section 3. */
export const SETTING = {
  headerTableSize: 1,
  enablePush: 2,
  streamsMax: 3,
  initialWindow: 4,
  frameSizeMax: 5,
  headerListMax: 6,
  enableConnect: 8,
} as const

/** What a client says first, before its first frame (section 3.4). */
export const PREFACE: Uint8Array = Uint8Array.from(
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  (character) => character.charCodeAt(0),
)

/** Length, type, flags and stream of a frame (section 4.1). */
export const FRAME_HEADER_BYTES = 9
/** We announce no larger frames than everybody must take (section 4.2), so that a frame is small whatever a peer wants. */
export const FRAME_BYTES_MAX = 16_384
/** Windows before anything is said about them (section 6.9.2). */
export const FIRST_WINDOW_BYTES = 65_535
/** No window may be larger (section 6.9.1). */
export const WINDOW_BYTES_MAX = 0x7fff_ffff
/** No stream has a larger number (section 5.1.1). */
export const STREAM_ID_MAX = 0x7fff_ffff

/** How many bytes at `start`, up to `end`, are those of the preface; all of them, or up to `end`: it may be one. -1: it is none. */
export function matchPreface(bytes: Uint8Array, start: number, end: number): number {
  const length = Math.min(PREFACE.length, end - start)
  for (let at = 0; at < length; at++) if (bytes[start + at] !== PREFACE[at]) return -1
  return length
}

/** Writes a frame's header, and returns the position behind it. */
export function writeFrameHeader(
  out: Uint8Array,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): number {
  out[at] = length >>> 16
  out[at + 1] = length >>> 8
  out[at + 2] = length
  out[at + 3] = type
  out[at + 4] = flags
  return writeUint32(out, at + 5, streamId)
}

/** Writes two bytes, and returns the position behind them. */
export function writeUint16(out: Uint8Array, at: number, value: number): number {
  out[at] = value >>> 8
  out[at + 1] = value
  return at + 2
}

/** Writes four bytes, and returns the position behind them. */
export function writeUint32(out: Uint8Array, at: number, value: number): number {
  out[at] = value >>> 24
  out[at + 1] = value >>> 16
  out[at + 2] = value >>> 8
  out[at + 3] = value
  return at + 4
}

/** Four bytes without the first bit, which is reserved. */
export function readUint31(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at]! & 127) << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
  )
}

/** Four bytes. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return readUint31(bytes, at) + (bytes[at]! >= 128 ? 0x8000_0000 : 0)
}
