import { RETRY_ON } from '../../mechanisms/retry/conditions.ts'
import type { ReasonCode } from '../reasons.ts'

/**
 * The decisions of the request path, without the path: plain facts in, what to do out. Nothing here knows a socket, so tables and random
 * facts can test all of it; `attempts.ts` and `failures.ts` do what is decided.
 */

/** How an attempt failed. */
export type Failure =
  /** The gateway's machine has no descriptor, port or memory left. */
  | 'local'
  /** No connection came about: nothing was sent. */
  | 'connect-refused'
  /** There is a connection, but not to somebody who is believed: nothing was sent. */
  | 'connect-tls'
  | 'connect-timeout'
  /** The connection had been open already and was closed before a byte of the answer. */
  | 'stale'
  /** The instance did not look at the request: safe to send again, whatever it is. */
  | 'not-taken'
  | 'reset'
  | 'attempt-timeout'
  | 'bad-response'
  | 'response-head-too-large'
  /** It answered with a status that is tried again. */
  | 'status'

/** The reason code of an answer that a failure ends in. */
export const FAILURE_CODES = {
  local: 'ERR_GATEWAY_RESOURCES',
  'connect-refused': 'ERR_GATEWAY_CONNECT_FAILED',
  'connect-tls': 'ERR_GATEWAY_UPSTREAM_TLS',
  'connect-timeout': 'ERR_GATEWAY_CONNECT_TIMEOUT',
  stale: 'ERR_GATEWAY_UPSTREAM_RESET',
  'not-taken': 'ERR_GATEWAY_UPSTREAM_RESET',
  reset: 'ERR_GATEWAY_UPSTREAM_RESET',
  'attempt-timeout': 'ERR_GATEWAY_ATTEMPT_TIMEOUT',
  'bad-response': 'ERR_GATEWAY_BAD_RESPONSE',
  'response-head-too-large': 'ERR_GATEWAY_RESPONSE_HEAD_TOO_LARGE',
  status: 'ERR_GATEWAY_RETRY_LOST',
} as const satisfies Record<Failure, ReasonCode>

/** Refused connections that one request may meet before it is given up: nothing was sent, but time passes. */
export const REFUSED_MAX = 8

/** What a decision after a failed attempt rests on. */
export interface FailureFacts {
  readonly failure: Failure
  /** RFC 9110 section 9.2.2. */
  readonly isIdempotent: boolean
  /** All that was sent can be sent again. */
  readonly isReplayable: boolean
  /** Instances that this request has tried and left. */
  readonly triedCount: number
  readonly retriesLeft: number
  /** A fresh connection was asked for already. */
  readonly needsFresh: boolean
  /** The total deadline has passed. */
  readonly isLate: boolean
  /** Another attempt of the same request is under way. */
  readonly hasOther: boolean
  /** The service's conditions name such a failure. */
  readonly isNamed: boolean
}

/** What to do after a failed attempt. */
export const NEXT = {
  /** The gateway answers. */
  answer: 0,
  /** The other attempt goes on; nothing is to do. */
  leave: 1,
  /** The same instance may be chosen again, on a new connection. */
  again: 2,
  /** Another instance, whatever the budget says: nothing was sent. */
  elsewhere: 3,
  /** Another instance, if the service's retry budget has one left. */
  elsewhereOnBudget: 4,
} as const
export type Next = (typeof NEXT)[keyof typeof NEXT]

/**
 * RFC 9110 section 9.2.2: only what is idempotent may be sent twice, unless it was not sent at all. What cannot be sent again whole is not
 * sent again. Only what may add load to a service in trouble draws on the budget.
 */
export function decideAfterFailure(facts: FailureFacts): Next {
  if (facts.hasOther) return NEXT.leave
  if (facts.isLate || facts.failure === 'local') return NEXT.answer
  if (facts.failure === 'not-taken') return decideAfterRefusal(facts)
  const isRefused = facts.failure === 'connect-refused' || facts.failure === 'connect-tls'
  const wasSent = !isRefused && facts.failure !== 'connect-timeout'
  if (wasSent && !(facts.isIdempotent && facts.isReplayable)) return NEXT.answer
  if (facts.failure === 'stale') return facts.needsFresh ? NEXT.answer : NEXT.again
  if (isRefused) {
    return facts.triedCount < REFUSED_MAX ? NEXT.elsewhere : NEXT.answer
  }
  return facts.retriesLeft > 0 && facts.isNamed ? NEXT.elsewhereOnBudget : NEXT.answer
}

/** What a failure is among the conditions of retries; 0: it is tried again, or not, whatever they say. */
export function conditionOf(failure: Failure): number {
  switch (failure) {
    case 'connect-timeout':
      return RETRY_ON.connect
    case 'reset':
    case 'bad-response':
    case 'response-head-too-large':
      return RETRY_ON.reset
    case 'attempt-timeout':
      return RETRY_ON.timeout
    case 'local':
    case 'connect-refused':
    case 'connect-tls':
    case 'stale':
    case 'not-taken':
    case 'status':
      return 0
    default:
      return failure satisfies never
  }
}

/** What trying an answer again instead of passing it on rests on. */
export interface AnswerFacts {
  /** The service's conditions name its status, or its mark. */
  readonly isNamed: boolean
  /** The instance says that it has done nothing: then it may be asked again whatever the method. */
  readonly isMarked: boolean
  readonly isIdempotent: boolean
  readonly isReplayable: boolean
  readonly retriesLeft: number
  readonly isLate: boolean
  readonly hasOther: boolean
}

/** Whether another attempt may take the place of this answer, if there is another instance and the budget has one left. */
export function mayRetryAnswer(facts: AnswerFacts): boolean {
  const isSafe = facts.isReplayable && (facts.isIdempotent || facts.isMarked)
  return facts.isNamed && isSafe && facts.retriesLeft > 0 && !facts.isLate && !facts.hasOther
}

/** RFC 9113 section 8.7: once more where it was, on another connection; then elsewhere. */
function decideAfterRefusal(facts: FailureFacts): Next {
  if (!facts.isReplayable) return NEXT.answer
  if (!facts.needsFresh) return NEXT.again
  return facts.triedCount < REFUSED_MAX ? NEXT.elsewhere : NEXT.answer
}

/** Whether the failure says something about the instance. */
export function blamesInstance(failure: Failure): boolean {
  return failure !== 'stale' && failure !== 'local' && failure !== 'not-taken'
}

/** What the deadline of an attempt, once its request is sent whole, rests on. */
export interface AttemptDeadlineFacts {
  readonly nowMs: number
  readonly attemptTimeoutMs: number
  readonly totalDeadlineMs: number
  /** Another attempt could follow: an attempt that must be the last one may use all of the time. */
  readonly mayRetry: boolean
}

/** When an attempt that waits for its answer is given up. */
export function decideAttemptDeadline(facts: AttemptDeadlineFacts): number {
  const { nowMs, attemptTimeoutMs, totalDeadlineMs, mayRetry } = facts
  return mayRetry ? Math.min(nowMs + attemptTimeoutMs, totalDeadlineMs) : totalDeadlineMs
}

/** What an expired deadline of an attempt rests on. */
export interface ExpiryFacts {
  /** `waiting`, `pausing`, `connecting`, `sent`, `answering`, `tunnel` of ATTEMPT. */
  readonly state: 'waiting' | 'pausing' | 'connecting' | 'sent' | 'answering' | 'tunnel'
  readonly isTotalOver: boolean
  /** The request's body has come to its end. */
  readonly isRequestWhole: boolean
  /** Bytes wait for the instance, or for the client, in our memory. */
  readonly isInstanceClogged: boolean
  readonly isClientClogged: boolean
}

/** What an expired deadline means. */
export type Expiry =
  | 'total'
  /** The wait before a further attempt is over. */
  | 'pause'
  | 'connect'
  | 'attempt'
  /** The client sends nothing more of its body. */
  | 'client-upload'
  /** The instance does not take the body. */
  | 'instance-upload'
  /** The instance sends nothing more of its answer. */
  | 'instance-answer'
  /** The client does not read the answer. */
  | 'client-answer'
  | 'tunnel'

/** Whose fault an expired deadline is. */
export function decideExpiry(facts: ExpiryFacts): Expiry {
  switch (facts.state) {
    case 'waiting':
      return 'total'
    case 'pausing':
      return facts.isTotalOver ? 'total' : 'pause'
    case 'connecting':
      return facts.isTotalOver ? 'total' : 'connect'
    case 'sent':
      if (!facts.isRequestWhole) {
        return facts.isInstanceClogged ? 'instance-upload' : 'client-upload'
      }
      return facts.isTotalOver ? 'total' : 'attempt'
    case 'answering':
      if (facts.isClientClogged) return 'client-answer'
      // An instance that answers before it has the whole request may wait for the rest of it.
      if (!facts.isRequestWhole) {
        return facts.isInstanceClogged ? 'instance-upload' : 'client-upload'
      }
      return 'instance-answer'
    case 'tunnel':
      return 'tunnel'
    default:
      return facts.state satisfies never
  }
}

/** What beginning a second attempt beside the first one rests on. */
export interface HedgeFacts {
  readonly isIdempotent: boolean
  readonly isReplayable: boolean
  readonly isRequestWhole: boolean
  /** The first attempt is sent and has no answer; there is no second one. */
  readonly isFirstAlone: boolean
  readonly triedCount: number
  readonly routableCount: number
}

/** Whether a second attempt may run beside the first one: the same rules as for a retry, and an instance that is not asked yet. */
export function mayHedge(facts: HedgeFacts): boolean {
  return (
    facts.isIdempotent &&
    facts.isReplayable &&
    facts.isRequestWhole &&
    facts.isFirstAlone &&
    facts.routableCount > facts.triedCount + 1
  )
}
