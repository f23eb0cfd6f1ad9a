import { HPACK } from '../hpack/decoder.ts'
import {
  countNoise,
  countReset,
  dropIfOver,
  dropStream,
  failSession,
  refuseStream,
  refuseStreamId,
} from './ending.ts'
import { FLAG, H2_ERROR } from './frames.ts'
import { NOISE, NOISE_COST } from './patience.ts'
import type { SessionState } from './session-state.ts'
import { createHttp2Stream, type Http2Stream } from './stream.ts'

/** HEADERS or CONTINUATION; when the block is whole it is taken. */
export function takeHeaders<S>(
  session: SessionState<S>,
  streamId: number,
  flags: number,
  bytes: Buffer,
  start: number,
  end: number,
): void {
  if (streamId === 0) return failSession(session, H2_ERROR.protocol, 'HEADERS on no stream')
  const error = session.blocks.begin(streamId, flags, bytes, start, end)
  finishBlock(session, error)
}

/** CONTINUATION; only behind an open block of the same stream. */
export function takeContinuation<S>(
  session: SessionState<S>,
  streamId: number,
  flags: number,
  bytes: Buffer,
  start: number,
  end: number,
): void {
  const { blocks } = session
  if (!blocks.isOpen || blocks.block.streamId !== streamId) {
    return failSession(session, H2_ERROR.protocol, 'CONTINUATION of no block')
  }
  if (start === end && (flags & FLAG.endHeaders) === 0) countNoise(session, NOISE_COST.empty)
  if (!session.isFailed) finishBlock(session, blocks.add(flags, bytes, start, end))
}

function finishBlock<S>(session: SessionState<S>, error: number): void {
  const { blocks } = session
  if (error !== 0) return failSession(session, error, 'a header block that cannot be')
  if (blocks.isOpen) return
  const { block } = blocks
  session.decoder.begin(block.bytes, block.start, block.end)
  const stream = session.streams.get(block.streamId)
  if (stream !== undefined) takeLaterBlock(session, stream)
  else if (session.options.role === 'server') takeNewStream(session, block.streamId)
  else takeUnknown(session, block.streamId)
}

/** Every block is read to its end, whatever becomes of its stream: the tables of both sides must stay equal. */
function skipBlock<S>(session: SessionState<S>): boolean {
  for (;;) {
    const next = session.decoder.next(NOWHERE, 0, 0)
    if (next === HPACK.end) return true
    if (next !== HPACK.error) continue
    failSession(session, H2_ERROR.compression, 'a header block is no HPACK')
    return false
  }
}

const NOWHERE = Buffer.alloc(0)

function takeNewStream<S>(session: SessionState<S>, streamId: number): void {
  if ((streamId & 1) === 0) {
    return failSession(session, H2_ERROR.protocol, 'HEADERS on a stream of the server')
  }
  if (streamId <= session.lastPeerId) return takeUnknown(session, streamId)
  const { options, blocks } = session
  if (streamId > session.lastTakenId) return void skipBlock(session)
  session.lastPeerId = streamId
  if (session.streams.size >= options.streamsMax) {
    if (!skipBlock(session)) return
    session.closed.add(streamId, true)
    return refuseStreamId(session, streamId, H2_ERROR.refusedStream)
  }
  const stream = createHttp2Stream<S>(streamId, session.peer.initialWindow, options.streamWindow)
  session.streams.set(streamId, stream)
  if (blocks.block.dependsOn === streamId) {
    if (skipBlock(session)) refuseStream(session, stream, H2_ERROR.protocol, 'frame')
    return
  }
  takeHead(session, stream)
}

function takeHead<S>(session: SessionState<S>, stream: Http2Stream<S>): void {
  const { isEnd } = session.blocks.block
  stream.isRemoteEnded = isEnd
  const result = session.events.head(stream, session.decoder, isEnd)
  if (result < 0) return failSession(session, H2_ERROR.compression, 'a header block is no HPACK')
  if (stream.isGone) return
  session.noise.earn(NOISE.earnedByHead)
  if (result === 0) stream.hasHead = true
  else if (isEnd) return refuseStream(session, stream, H2_ERROR.protocol, 'frame')
  if (isEnd) dropIfOver(session, stream)
}

/** A block on an open stream: another interim answer, the answer, or trailers, which must end the stream (RFC 9113 section 8.1). */
function takeLaterBlock<S>(session: SessionState<S>, stream: Http2Stream<S>): void {
  const { block } = session.blocks
  if (stream.isRemoteEnded) {
    if (skipBlock(session)) refuseStream(session, stream, H2_ERROR.streamClosed, 'closed')
    return
  }
  if (!stream.hasHead) return takeHead(session, stream)
  if (!block.isEnd || stream.contentLeft > 0) {
    const mistake = block.isEnd ? 'content-length' : 'trailers'
    if (skipBlock(session)) refuseStream(session, stream, H2_ERROR.protocol, mistake)
    return
  }
  stream.isRemoteEnded = true
  if (session.events.trailers(stream, session.decoder) < 0) {
    return failSession(session, H2_ERROR.compression, 'a header block is no HPACK')
  }
  if (!stream.isGone) dropIfOver(session, stream)
}

/** On a stream that is not there: late, or against the rules (section 5.1). */
function takeUnknown<S>(session: SessionState<S>, streamId: number): void {
  if (!skipBlock(session)) return
  const isIdle = session.options.role === 'client' && streamId >= session.nextId
  if (isIdle || (streamId & 1) === 0) {
    return failSession(session, H2_ERROR.protocol, 'HEADERS on a stream that was never open')
  }
  switch (session.closed.howEnded(streamId)) {
    case 'us':
      return countNoise(session, NOISE_COST.mistake)
    case 'end':
      return failSession(session, H2_ERROR.streamClosed, 'HEADERS behind the end of a stream')
    case 'peer':
    case 'unknown':
      return refuseStreamId(session, streamId, H2_ERROR.streamClosed)
  }
}

/** Of a stream that was given up when its answer had begun. */
const LATE_RESET_COST = 0.2

/** RST_STREAM: the peer gives a stream up. Before it was answered, that is work for nothing. */
export function takeReset<S>(session: SessionState<S>, streamId: number, code: number): void {
  const isServer = session.options.role === 'server'
  // Behind a GOAWAY of ours the peer may not know yet that its stream was not taken.
  if (isServer && streamId > session.lastTakenId) return
  const isIdle = isServer ? streamId > session.lastPeerId : streamId >= session.nextId
  if (streamId === 0 || isIdle) {
    return failSession(session, H2_ERROR.protocol, 'RST_STREAM on a stream that was never open')
  }
  const stream = session.streams.get(streamId)
  if (stream === undefined) return countNoise(session)
  const isEarly = !stream.hasAnswered
  session.closed.add(streamId, false)
  stream.isRemoteEnded = true
  dropStream(session, stream)
  if (!isServer && code === H2_ERROR.refusedStream) session.events.refused(stream)
  else session.events.reset(stream, code)
  if (isServer) countReset(session, isEarly ? 1 : LATE_RESET_COST)
}
