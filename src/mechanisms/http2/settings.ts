import {
  FIRST_WINDOW_BYTES,
  FRAME_BYTES_MAX,
  H2_ERROR,
  readUint32,
  SETTING,
  WINDOW_BYTES_MAX,
} from './frames.ts'

/** A setting in its frame. */
export const SETTING_BYTES = 6
const FRAME_SIZE_LIMIT = 0xff_ffff

/** What the peer has said of itself. */
export interface PeerSettings {
  headerTableSize: number
  /** Streams that we may have open at the peer. */
  streamsMax: number
  initialWindow: number
  frameSizeMax: number
  headerListMax: number
  /** RFC 8441: it takes CONNECT with `:protocol`. */
  mayConnect: boolean
}

/** What holds before the peer has said anything (RFC 9113 section 6.5.2). */
export function createPeerSettings(): PeerSettings {
  return {
    headerTableSize: 4_096,
    streamsMax: Infinity,
    initialWindow: FIRST_WINDOW_BYTES,
    frameSizeMax: FRAME_BYTES_MAX,
    headerListMax: Infinity,
    mayConnect: false,
  }
}

/** Takes over the payload [start, end) of a SETTINGS frame. Returns 0, or the H2_ERROR of the connection. Unknown ones are ignored. */
export function readSettings(
  settings: PeerSettings,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  if ((end - start) % SETTING_BYTES !== 0) return H2_ERROR.frameSize
  for (let at = start; at < end; at += SETTING_BYTES) {
    const error = takeSetting(
      settings,
      (bytes[at]! << 8) | bytes[at + 1]!,
      readUint32(bytes, at + 2),
    )
    if (error !== 0) return error
  }
  return 0
}

/** How many settings a payload of this length has. */
export function settingCount(length: number): number {
  return Math.ceil(length / SETTING_BYTES)
}

function takeSetting(settings: PeerSettings, id: number, value: number): number {
  switch (id) {
    case SETTING.headerTableSize:
      settings.headerTableSize = value
      return 0
    case SETTING.enablePush:
      return value > 1 ? H2_ERROR.protocol : 0
    case SETTING.streamsMax:
      settings.streamsMax = value
      return 0
    case SETTING.initialWindow:
      if (value > WINDOW_BYTES_MAX) return H2_ERROR.flowControl
      settings.initialWindow = value
      return 0
    case SETTING.frameSizeMax:
      if (value < FRAME_BYTES_MAX || value > FRAME_SIZE_LIMIT) return H2_ERROR.protocol
      settings.frameSizeMax = value
      return 0
    case SETTING.headerListMax:
      settings.headerListMax = value
      return 0
    case SETTING.enableConnect:
      // RFC 8441 section 3: it is not taken back.
      if (value > 1 || (value === 0 && settings.mayConnect)) return H2_ERROR.protocol
      settings.mayConnect = value === 1
      return 0
    default:
      return 0
  }
}
