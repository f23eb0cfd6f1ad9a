import { FRAME } from './frames.ts'
import type { SessionState } from './session-state.ts'
import type { Http2Stream } from './stream.ts'

/** So many bytes of all streams are used: the peer may send as many more, and is told so by halves of the window. */
export function creditConnection<S>(session: SessionState<S>, count: number): void {
  session.uncredited += count
  if (session.uncredited * 2 < session.options.connectionWindow || session.isFailed) return
  session.receiveWindow += session.uncredited
  session.sender.frameOfNumber(FRAME.windowUpdate, 0, session.uncredited)
  session.uncredited = 0
}

/** So many bytes of a stream are used. */
export function creditStream<S>(
  session: SessionState<S>,
  stream: Http2Stream<S>,
  count: number,
): void {
  if (stream.isGone || stream.isRemoteEnded || session.isFailed) return
  stream.uncredited += count
  if (stream.uncredited * 2 < session.options.streamWindow) return
  stream.receiveWindow += stream.uncredited
  session.sender.frameOfNumber(FRAME.windowUpdate, stream.id, stream.uncredited)
  stream.uncredited = 0
}
