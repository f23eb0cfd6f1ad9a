import { countNoise, failSession, refuseStream } from './ending.ts'
import {
  FLAG,
  FRAME,
  H2_ERROR,
  readUint31,
  readUint32,
  STREAM_ID_MAX,
  WINDOW_BYTES_MAX,
} from './frames.ts'
import { PRIORITY_BYTES } from './header-blocks.ts'
import { NOISE_COST } from './patience.ts'
import { takeContinuation, takeHeaders, takeReset } from './receive-heads.ts'
import type { SessionState } from './session-state.ts'
import { readSettings, settingCount } from './settings.ts'

/** Payload of a PING. */
export const PING_BYTES = 8
const GOAWAY_BYTES_MIN = 8

/** Every frame but DATA; [start, end) is its payload. */
export function takeFrame<S>(
  session: SessionState<S>,
  type: number,
  flags: number,
  streamId: number,
  bytes: Buffer,
  start: number,
  end: number,
): void {
  if (!mayCome(session, type, flags)) return
  switch (type) {
    case FRAME.headers:
      return takeHeaders(session, streamId, flags, bytes, start, end)
    case FRAME.continuation:
      return takeContinuation(session, streamId, flags, bytes, start, end)
    case FRAME.priority:
      return takePriority(session, streamId, bytes, start, end)
    case FRAME.resetStream:
      if (end - start !== 4) return wrongLength(session)
      return takeReset(session, streamId, readUint32(bytes, start))
    case FRAME.settings:
      return takeSettings(session, streamId, flags, bytes, start, end)
    case FRAME.pushPromise:
      return failSession(session, H2_ERROR.protocol, 'PUSH_PROMISE, which nobody may send here')
    case FRAME.ping:
      return takePing(session, streamId, flags, bytes, start, end)
    case FRAME.goAway:
      return takeGoAway(session, streamId, bytes, start, end)
    case FRAME.windowUpdate:
      return takeWindowUpdate(session, streamId, bytes, start, end)
    default:
      // RFC 9113 section 5.5: what is not known is ignored.
      return countNoise(session)
  }
}

/** The first frame is SETTINGS (section 3.4), and nothing comes between the frames of a block (section 6.10). */
export function mayCome<S>(session: SessionState<S>, type: number, flags: number): boolean {
  if (session.isFirstFrame) {
    session.isFirstFrame = false
    if (type !== FRAME.settings || (flags & FLAG.ack) !== 0) {
      failSession(session, H2_ERROR.protocol, 'the first frame is not SETTINGS')
      return false
    }
  }
  if (session.blocks.isOpen && type !== FRAME.continuation) {
    failSession(session, H2_ERROR.protocol, 'a frame in the middle of a header block')
    return false
  }
  return true
}

function wrongLength<S>(session: SessionState<S>): void {
  failSession(session, H2_ERROR.frameSize, 'a frame has a length that it cannot have')
}

/** Priorities are not used (section 5.3.2): only looked at for what breaks the rules. */
function takePriority<S>(
  session: SessionState<S>,
  streamId: number,
  bytes: Buffer,
  start: number,
  end: number,
): void {
  if (streamId === 0) return failSession(session, H2_ERROR.protocol, 'PRIORITY on no stream')
  const stream = session.streams.get(streamId)
  const isWrong = end - start !== PRIORITY_BYTES
  if (isWrong && stream === undefined) return wrongLength(session)
  if (isWrong) return refuseStream(session, stream!, H2_ERROR.frameSize, 'frame')
  if (readUint31(bytes, start) !== streamId) return countNoise(session)
  if (stream === undefined) {
    return failSession(session, H2_ERROR.protocol, 'a stream depends on itself')
  }
  refuseStream(session, stream, H2_ERROR.protocol, 'frame')
}

function takeSettings<S>(
  session: SessionState<S>,
  streamId: number,
  flags: number,
  bytes: Buffer,
  start: number,
  end: number,
): void {
  if (streamId !== 0) return failSession(session, H2_ERROR.protocol, 'SETTINGS on a stream')
  if ((flags & FLAG.ack) !== 0) {
    return end > start ? wrongLength(session) : countNoise(session)
  }
  const cost = NOISE_COST.settings + settingCount(end - start) * NOISE_COST.setting
  countNoise(session, cost)
  if (session.isFailed) return
  const { peer, sender } = session
  const { initialWindow, headerTableSize } = peer
  const error = readSettings(peer, bytes, start, end)
  if (error !== 0) return failSession(session, error, 'a setting that cannot be')
  if (peer.headerTableSize < headerTableSize) sender.tableShrunk()
  if (!moveWindows(session, peer.initialWindow - initialWindow)) {
    return failSession(session, H2_ERROR.flowControl, 'a setting makes a window too large')
  }
  sender.frame(FRAME.settings, FLAG.ack, 0, 0)
  session.events.settled()
}

/** Another first window moves those that are open too, even below zero (section 6.9.2). */
function moveWindows<S>(session: SessionState<S>, change: number): boolean {
  if (change === 0) return true
  for (const stream of session.streams.values()) {
    stream.sendWindow += change
    if (stream.sendWindow > WINDOW_BYTES_MAX) return false
  }
  if (change > 0) session.hasOpened = true
  return true
}

function takePing<S>(
  session: SessionState<S>,
  streamId: number,
  flags: number,
  bytes: Buffer,
  start: number,
  end: number,
): void {
  if (streamId !== 0) return failSession(session, H2_ERROR.protocol, 'PING on a stream')
  if (end - start !== PING_BYTES) return wrongLength(session)
  countNoise(session)
  if ((flags & FLAG.ack) !== 0 || session.isFailed) return
  const at = session.sender.frame(FRAME.ping, FLAG.ack, 0, PING_BYTES)
  bytes.copy(session.output.bytes, at, start, end)
}

/** The peer takes nothing behind the stream that it names (section 6.8): what we have asked there was not looked at. */
function takeGoAway<S>(
  session: SessionState<S>,
  streamId: number,
  bytes: Buffer,
  start: number,
  end: number,
): void {
  if (streamId !== 0) return failSession(session, H2_ERROR.protocol, 'GOAWAY on a stream')
  if (end - start < GOAWAY_BYTES_MIN) return wrongLength(session)
  countNoise(session)
  const lastId = readUint31(bytes, start)
  session.isGoingAway = true
  session.events.goingAway(readUint32(bytes, start + 4))
  if (session.options.role === 'server') return
  for (const stream of session.streams.values()) {
    if (stream.id <= lastId || stream.isGone) continue
    stream.isGone = true
    session.streams.delete(stream.id)
    session.sender.forget(stream)
    session.events.refused(stream)
  }
}

function takeWindowUpdate<S>(
  session: SessionState<S>,
  streamId: number,
  bytes: Buffer,
  start: number,
  end: number,
): void {
  if (end - start !== 4) return wrongLength(session)
  const increment = readUint31(bytes, start)
  countNoise(session)
  if (session.isFailed) return
  if (streamId === 0) return openConnection(session, increment)
  const stream = session.streams.get(streamId)
  if (stream === undefined) {
    if (!wasOpen(session, streamId)) {
      failSession(session, H2_ERROR.protocol, 'WINDOW_UPDATE on a stream that was never open')
    }
    return
  }
  if (increment === 0) return refuseStream(session, stream, H2_ERROR.protocol, 'windows')
  stream.sendWindow += increment
  if (stream.sendWindow > WINDOW_BYTES_MAX) {
    return refuseStream(session, stream, H2_ERROR.flowControl, 'windows')
  }
  session.hasOpened = true
}

function wasOpen<S>(session: SessionState<S>, streamId: number): boolean {
  if ((streamId & 1) === 0) return false
  return session.options.role === 'server'
    ? streamId <= session.lastPeerId || session.lastTakenId < STREAM_ID_MAX
    : streamId < session.nextId
}

function openConnection<S>(session: SessionState<S>, increment: number): void {
  if (increment === 0) {
    return failSession(session, H2_ERROR.protocol, 'WINDOW_UPDATE of nothing')
  }
  if (!session.sender.openWindow(increment)) {
    return failSession(session, H2_ERROR.flowControl, 'the window of the connection is too large')
  }
  session.hasOpened = true
}
