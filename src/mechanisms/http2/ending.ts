import { FRAME, H2_ERROR, h2ErrorName, writeUint32 } from './frames.ts'
import { NOISE_COST } from './patience.ts'
import type { Http2Mistake, SessionState } from './session-state.ts'
import type { Http2Stream } from './stream.ts'
import { creditConnection } from './windows.ts'

/** Ends the connection for what the peer did. */
export function failSession<S>(session: SessionState<S>, code: number, detail: string): void {
  if (session.isFailed) return
  session.isFailed = true
  writeGoAway(session, session.lastPeerId, code, detail)
  const kind = code === H2_ERROR.enhanceYourCalm ? 'flood' : 'protocol'
  session.events.failed(kind, code, `${detail} (${h2ErrorName(code)})`)
}

/** GOAWAY (RFC 9113 section 6.8). `detail` is for people. */
export function writeGoAway<S>(
  { sender, output }: SessionState<S>,
  lastId: number,
  code: number,
  detail: string,
): void {
  const debug = Buffer.from(detail, 'latin1')
  const at = sender.frame(FRAME.goAway, 0, 0, 8 + debug.length)
  writeUint32(output.bytes, at, lastId)
  writeUint32(output.bytes, at + 4, code)
  output.bytes.set(debug, at + 8)
}

/** Gives a stream up. Nothing is said of one where both sides have said all already. */
export function resetStream<S>(
  session: SessionState<S>,
  stream: Http2Stream<S>,
  code: number,
): void {
  if (stream.isGone) return
  if (stream.isLocalEnded && stream.isRemoteEnded) return dropStream(session, stream)
  session.sender.frameOfNumber(FRAME.resetStream, stream.id, code)
  session.closed.add(stream.id, true)
  dropStream(session, stream)
}

/** The peer broke a rule of one stream: the owner is told, and may say a last word; then the peer is. Too many of these are a flood. */
export function refuseStream<S>(
  session: SessionState<S>,
  stream: Http2Stream<S>,
  code: number,
  mistake: Http2Mistake,
): void {
  if (stream.isGone) return
  session.events.mistaken(stream, code, mistake)
  resetStream(session, stream, code)
  countReset(session)
}

/** As above, for a stream that nobody has: it is closed, or never was. */
export function refuseStreamId<S>(session: SessionState<S>, streamId: number, code: number): void {
  session.sender.frameOfNumber(FRAME.resetStream, streamId, code)
  countReset(session)
}

/** A stream was work for nothing, or (with a smaller cost) for little. */
export function countReset<S>(session: SessionState<S>, cost = 1): void {
  if (session.resets.spend(cost)) return
  failSession(session, H2_ERROR.enhanceYourCalm, 'too many streams were given up early')
}

/** A frame that carries nothing. */
export function countNoise<S>(session: SessionState<S>, cost: number = NOISE_COST.frame): void {
  if (session.noise.spend(cost)) return
  failSession(session, H2_ERROR.enhanceYourCalm, 'too many frames that carry nothing')
}

/** Both sides have said all. */
export function dropIfOver<S>(session: SessionState<S>, stream: Http2Stream<S>): void {
  if (stream.isLocalEnded && stream.isRemoteEnded) dropStream(session, stream)
}

/** Forgets a stream. What nobody will consume any more must not close the window of the others. */
export function dropStream<S>(session: SessionState<S>, stream: Http2Stream<S>): void {
  stream.isGone = true
  session.streams.delete(stream.id)
  session.sender.forget(stream)
  const { unconsumed } = stream
  stream.unconsumed = 0
  if (unconsumed > 0 && !session.options.opensOnReceipt) creditConnection(session, unconsumed)
}
