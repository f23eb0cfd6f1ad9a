import { type BodyReader, readBody } from '../../mechanisms/http1/body.ts'
import { FRAMING } from '../../mechanisms/http1/response-head.ts'

/** A rest of a refused request's body that is read and thrown away, so that the connection can stay. */
export const DISCARD_BYTES_MAX = 64 * 1024

/** Whether what is left of the body is known to be small enough to wait for. */
export function mayDiscard(body: BodyReader): boolean {
  return body.isDone || (body.framing === FRAMING.length && body.remaining <= DISCARD_BYTES_MAX)
}

/** Throws away what belongs to the body; returns the position behind it, or a negative HEAD_ERROR. */
export function discardBody(body: BodyReader, bytes: Buffer, start: number, end: number): number {
  let at = start
  while (at < end && !body.isDone) {
    at = readBody(body, bytes, at, end)
    if (at < 0) return at
  }
  return at
}
