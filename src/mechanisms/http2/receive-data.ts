import { countNoise, dropIfOver, failSession, refuseStream, refuseStreamId } from './ending.ts'
import { FLAG, H2_ERROR } from './frames.ts'
import { NOISE_COST } from './patience.ts'
import type { SessionState } from './session-state.ts'
import type { Http2Stream } from './stream.ts'
import { creditConnection, creditStream } from './windows.ts'

/** The header of a DATA frame: all of it counts against both windows, padding included (RFC 9113 section 6.9.1). */
export function beginData<S>(
  session: SessionState<S>,
  streamId: number,
  flags: number,
  length: number,
): void {
  const { data } = session
  const isPadded = (flags & FLAG.padded) !== 0
  if (streamId === 0) return failSession(session, H2_ERROR.protocol, 'DATA on no stream')
  if (isPadded && length === 0) {
    return failSession(session, H2_ERROR.frameSize, 'DATA has no room for its padding')
  }
  session.receiveWindow -= length
  if (session.receiveWindow < 0) {
    return failSession(session, H2_ERROR.flowControl, 'more than the window of the connection')
  }
  data.stream = findReceiver(session, streamId)
  data.isEnd = (flags & FLAG.endStream) !== 0
  data.isPadded = isPadded
  data.padding = 0
  data.length = length
  const { stream } = data
  if (session.options.opensOnReceipt) creditConnection(session, length)
  if (stream === null) return
  stream.receiveWindow -= length
  if (stream.receiveWindow < 0) {
    data.stream = null
    refuseStream(session, stream, H2_ERROR.flowControl, 'windows')
  } else if (length === 0 && !data.isEnd) countNoise(session, NOISE_COST.empty)
}

/** The stream that takes it, or null: a late frame is thrown away, or a mistake (section 5.1). */
function findReceiver<S>(session: SessionState<S>, streamId: number): Http2Stream<S> | null {
  const stream = session.streams.get(streamId)
  if (stream !== undefined && !stream.isRemoteEnded) return stream
  if (stream !== undefined) {
    refuseStream(session, stream, H2_ERROR.streamClosed, 'closed')
    return null
  }
  const isServer = session.options.role === 'server'
  const isIdle = isServer ? streamId > session.lastPeerId : streamId >= session.nextId
  // Behind a GOAWAY of ours the peer may not know yet that its stream was not taken.
  if (isServer && streamId > session.lastTakenId) return null
  if (isIdle || (streamId & 1) === 0) {
    failSession(session, H2_ERROR.protocol, 'DATA on a stream that was never open')
    return null
  }
  switch (session.closed.howEnded(streamId)) {
    case 'us':
      return null
    case 'end':
      failSession(session, H2_ERROR.streamClosed, 'DATA behind the end of a stream')
      return null
    case 'peer':
    case 'unknown':
      refuseStreamId(session, streamId, H2_ERROR.streamClosed)
      return null
  }
}

/** A piece of its payload; `left` bytes are still to come. */
export function takePiece<S>(
  session: SessionState<S>,
  bytes: Buffer,
  start: number,
  end: number,
  left: number,
): void {
  const { data } = session
  let at = start
  if (data.isPadded && at < end) {
    data.isPadded = false
    data.padding = bytes[at++]!
    if (data.padding >= data.length) {
      return failSession(session, H2_ERROR.protocol, 'more padding than DATA')
    }
    usePadding(session, 1)
  }
  if (data.stream === null) return throwAway(session, end - at)
  // The last `padding` bytes of the frame are no payload; some of them may be in this piece.
  const last = Math.max(at, Math.min(end, end + left - data.padding))
  deliver(session, data.stream, bytes, at, last, data.isEnd && left === 0)
  usePadding(session, end - last)
}

/** It carries nothing, and is used as soon as it is there. */
function usePadding<S>(session: SessionState<S>, count: number): void {
  const { stream } = session.data
  if (count === 0) return
  throwAway(session, count)
  if (stream !== null) creditStream(session, stream, count)
}

/** Bytes that nobody will use: the connection's window opens for others. */
function throwAway<S>(session: SessionState<S>, count: number): void {
  if (!session.options.opensOnReceipt) creditConnection(session, count)
}

function deliver<S>(
  session: SessionState<S>,
  stream: Http2Stream<S>,
  bytes: Buffer,
  start: number,
  end: number,
  isEnd: boolean,
): void {
  if (start === end && !isEnd) return
  if (stream.contentLeft >= 0) {
    stream.contentLeft -= end - start
    const isWrong = stream.contentLeft < 0 || (isEnd && stream.contentLeft > 0)
    if (isWrong) {
      session.data.stream = null
      throwAway(session, end - start)
      return refuseStream(session, stream, H2_ERROR.protocol, 'content-length')
    }
  }
  stream.unconsumed += end - start
  if (isEnd) stream.isRemoteEnded = true
  session.events.data(stream, bytes, start, end, isEnd)
  if (stream.isGone) session.data.stream = null
  if (isEnd) dropIfOver(session, stream)
}

/** The owner of the stream has used so many bytes: the peer may send as many more. */
export function consume<S>(session: SessionState<S>, stream: Http2Stream<S>, count: number): void {
  if (count === 0) return
  stream.unconsumed = Math.max(0, stream.unconsumed - count)
  if (!session.options.opensOnReceipt) creditConnection(session, count)
  creditStream(session, stream, count)
}
