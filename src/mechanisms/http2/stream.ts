/** One stream of a session, as far as frames and windows go; `owner` is whose request it carries. */
export interface Http2Stream<S> {
  readonly id: number
  owner: S | null
  /** It is not in the session any more: nothing is sent on it, and nothing comes. */
  isGone: boolean
  /** The peer has said all; we have. */
  isRemoteEnded: boolean
  isLocalEnded: boolean
  /** The head that is no interim one has come: another block is the trailers. */
  hasHead: boolean
  /** We have sent a final head. */
  hasAnswered: boolean
  /** Bytes that we may send, and that the peer may. */
  sendWindow: number
  receiveWindow: number
  /** Payload that was delivered and is not consumed yet, and what is consumed and not announced to the peer yet. */
  unconsumed: number
  uncredited: number
  /** What DATA must still bring by content-length; -1: nothing was said. */
  contentLeft: number
  /** What waits for a window, or for the kernel: from `queueStart` of the first one on. */
  readonly queue: Uint8Array[]
  queueStart: number
  queuedBytes: number
  /** What comes behind the queue: nothing yet, the end, or the block of the trailers. */
  ending: 'open' | 'end' | Uint8Array
  isWaiting: boolean
}

/** An open stream. */
export function createHttp2Stream<S>(
  id: number,
  sendWindow: number,
  receiveWindow: number,
): Http2Stream<S> {
  return {
    id,
    owner: null,
    isGone: false,
    isRemoteEnded: false,
    isLocalEnded: false,
    hasHead: false,
    hasAnswered: false,
    sendWindow,
    receiveWindow,
    unconsumed: 0,
    uncredited: 0,
    contentLeft: -1,
    queue: [],
    queueStart: 0,
    queuedBytes: 0,
    ending: 'open',
    isWaiting: false,
  }
}
