import type { Socket } from 'node:net'
import { writeNow } from './write-now.ts'

/** Bytes of one read. All sockets of a worker read into the same buffer: what is read is used or copied before the next read. */
export const READ_BYTES = 64 * 1024
/** A whole read, the head that is written before it, and the framing around it. */
export const SCRATCH_BYTES = READ_BYTES + 32 * 1024

/** The buffer in which a worker composes what it writes. Handed over to the kernel when a write does not go out at once. */
export interface Scratch {
  /** At least `bytes` to write into, until the next call. */
  take(bytes: number): Buffer
  /** Writes [0, end) of the taken buffer. False: the socket wants no more until it drains. */
  write(socket: Socket, buffer: Buffer, end: number): boolean
}

export function createScratch(): Scratch {
  let spare: Buffer | undefined
  return {
    take(bytes) {
      if (bytes > SCRATCH_BYTES) return Buffer.allocUnsafeSlow(bytes)
      spare ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES)
      return spare
    },
    write(socket, buffer, end) {
      writeNow(socket, buffer.subarray(0, end))
      if (socket.writableLength === 0) return true
      // The kernel took a part: the rest is still read from this buffer, so the next write needs another one.
      if (buffer === spare) spare = undefined
      return false
    },
  }
}
