/** Where a session writes its frames; whoever does the I/O empties it. */
export interface Http2Output {
  readonly bytes: Buffer
  /** How far `bytes` are written. Only the session moves it forward. */
  end: number
  /** Makes room for `count` more bytes behind `end`; may empty it, or exchange `bytes`. */
  reserve(count: number): void
  /** The peer reads slower than we write: no more payload until `Http2Session.resume`. */
  readonly isFull: boolean
}
