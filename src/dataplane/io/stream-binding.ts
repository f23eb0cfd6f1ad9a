/**
 * What Node's own sockets read and write through. Not documented: each part of it is looked for, and without it all goes through the
 * stream.
 */
export interface StreamBinding {
  readonly WriteWrap: new () => WriteRequest
  readonly streamBaseState: Int32Array
  /** Places in `streamBaseState`: what the last read gave, and whether the last write waits. */
  readonly kReadBytesOrError: number
  readonly kLastWriteWasAsync: number
}

/** One write. */
export interface WriteRequest {
  oncomplete: ((status: number) => void) | undefined
  /** Must not be collected while the kernel has not taken all of it. */
  buffer: Uint8Array | undefined
}

/** Undefined where this Node has no such thing. */
export const streamBinding: StreamBinding | undefined = findBinding()

function findBinding(): StreamBinding | undefined {
  try {
    const found = (process as unknown as { binding(name: string): Partial<StreamBinding> }).binding(
      'stream_wrap',
    )
    const isWhole =
      typeof found.WriteWrap === 'function' &&
      found.streamBaseState instanceof Int32Array &&
      typeof found.kReadBytesOrError === 'number' &&
      typeof found.kLastWriteWasAsync === 'number'
    return isWhole ? (found as StreamBinding) : undefined
  } catch {
    return undefined
  }
}
