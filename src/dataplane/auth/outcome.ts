import type { Identity } from './identity.ts'

/** What one way of finding out who calls came to. */
export type Outcome =
  | { readonly kind: 'granted'; readonly identity: Identity }
  /** The request has no credentials of this kind. */
  | { readonly kind: 'absent' }
  /** `why` is for the operator: record, log and `backplane why`. */
  | { readonly kind: 'refused'; readonly why: string }
  /** It is known who calls, and that is not enough. */
  | { readonly kind: 'forbidden'; readonly why: string }
  /** It cannot be judged now: keys or an issuer are away. */
  | { readonly kind: 'unavailable'; readonly why: string }

/** Later: begun when it is waited for, never twice. It has copied what it needs of the request. */
export type Deferred = () => Promise<Outcome>

/** The request has no credentials of this kind. */
export const ABSENT: Outcome = { kind: 'absent' }

/** A credential that is there and not right. */
export function refused(why: string): Outcome {
  return { kind: 'refused', why }
}
