import type { Instance } from '../upstream/instance.ts'
import type { InstanceOf } from '../upstream/instance-stream.ts'
import { ATTEMPT, type Attempt, type BoundAttempt, type UnboundAttempt } from './exchange.ts'

/** The states of an attempt are views of one pooled record: these functions are the only places that change from one to another. */

/** It waits in its service's queue, at most until `deadlineMs`. */
export function toWaiting(attempt: Attempt, deadlineMs: number): UnboundAttempt {
  const waiting = attempt as UnboundAttempt
  waiting.state = ATTEMPT.waiting
  waiting.deadlineMs = deadlineMs
  return waiting
}

/** It tries again at `untilMs`. */
export function toPausing(attempt: Attempt, untilMs: number): UnboundAttempt {
  const pausing = attempt as UnboundAttempt
  pausing.state = ATTEMPT.pausing
  pausing.deadlineMs = untilMs
  return pausing
}

/** A connection to the instance is being opened. */
export function toConnecting(
  attempt: Attempt,
  instance: Instance,
  stream: InstanceOf<Attempt>,
  deadlineMs: number,
): BoundAttempt {
  const bound = attempt as BoundAttempt
  bound.state = ATTEMPT.connecting
  bound.instance = instance
  bound.stream = stream
  bound.deadlineMs = deadlineMs
  bound.sentEnd = 0
  stream.owner = bound
  return bound
}

/** The stream is open, and the request goes out. */
export function toSent(
  attempt: Attempt,
  instance: Instance,
  stream: InstanceOf<Attempt>,
): BoundAttempt {
  const bound = attempt as BoundAttempt
  bound.state = ATTEMPT.sent
  bound.instance = instance
  bound.stream = stream
  stream.owner = bound
  return bound
}

/** A final head has come. */
export function toAnswering(attempt: BoundAttempt): void {
  attempt.state = ATTEMPT.answering
}

/** Bytes both ways. */
export function toTunnel(attempt: BoundAttempt): void {
  attempt.state = ATTEMPT.tunnel
}

/** It has come to its end; its stream was released or cancelled. */
export function toOver(attempt: Attempt): UnboundAttempt {
  const over = attempt as UnboundAttempt
  over.state = ATTEMPT.over
  over.instance = null
  over.stream = null
  over.deadlineMs = Infinity
  over.sentEnd = 0
  over.slowAtMs = Infinity
  return over
}

/** Whether the attempt has an instance and a stream. */
export function isBound(attempt: Attempt): attempt is BoundAttempt {
  return attempt.state >= ATTEMPT.connecting
}
