import type { Socket } from 'node:net'

/** What may wait in a socket's queue before its source is paused; below it Node announces nothing when the queue has drained. */
export const WRITE_QUEUE_BYTES = 16 * 1024

/** The peer reads slower than we write: stop reading from the other side until `drain`. */
export function isClogged(socket: Socket): boolean {
  return socket.writableLength > 0 && socket.writableNeedDrain
}
