import type { Outlet } from './outlet.ts'

/** Bytes of one read. All sockets of a worker read into the same buffer: what is read is used or copied before the next read. */
export const READ_BYTES = 64 * 1024
/** A whole read, the head that is written before it, and the framing around it. */
const LARGE_BYTES = READ_BYTES + 32 * 1024
/** Most answers fit into it; a small chunk that has to wait does not hold on to more than this. */
const SMALL_BYTES = 8 * 1024

/**
 * The buffers in which a worker composes what it writes, one for small and one for large writes. A buffer is used again at once when the kernel took all of a
 * write; else it belongs to the outlet, and the next write gets another one.
 */
export class Scratch {
  #small: Buffer = Buffer.allocUnsafeSlow(SMALL_BYTES)
  #large: Buffer | null = null
  /** Views of the small buffer by their length: making one costs more than a small write's own bookkeeping. */
  #views: (Uint8Array | undefined)[] = Array.from({ length: SMALL_BYTES + 1 })

  /** At least `bytes` to write into, until the next call. */
  take(bytes: number): Buffer {
    if (bytes <= SMALL_BYTES) return this.#small
    if (bytes > LARGE_BYTES) return Buffer.allocUnsafeSlow(bytes)
    return (this.#large ??= Buffer.allocUnsafeSlow(LARGE_BYTES))
  }

  /** Writes [0, end) of the taken buffer. */
  write(outlet: Outlet, buffer: Buffer, end: number): void {
    // What has to wait behind something else waits in its own size.
    if (!outlet.isFlushed) return void outlet.write(copyOf(buffer, end))
    if (buffer === this.#small) {
      const view = (this.#views[end] ??= buffer.subarray(0, end))
      if (outlet.write(view)) return
      this.#small = Buffer.allocUnsafeSlow(SMALL_BYTES)
      this.#views.fill(undefined)
    } else if (!outlet.write(buffer.subarray(0, end)) && buffer === this.#large) {
      this.#large = null
    }
  }
}

function copyOf(buffer: Buffer, end: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(end)
  buffer.copy(copy, 0, 0, end)
  return copy
}
