import type { VerificationKey } from '../mechanisms/jwt/algorithms.ts'

/**
 * Who signs tokens, and with which keys now, as control tells it to data. Control fetches keys; workers never do. One thing by its name, like a service:
 * a later one replaces it as a whole, and every worker forgets what it had verified before.
 */
export interface IssuerSpec {
  /** As policies refer to it: that of `gateway.issuers`, or `identity` for our own. */
  readonly name: string
  /** What the claim `iss` must say, letter by letter. */
  readonly issuer: string
  /** Those that verify, each with its one algorithm; empty: none was had yet, or none is left, and requests that need them are answered 503. */
  readonly keys: readonly VerificationKey[]
  /** Rises with each time that control has asked the issuer, also where nothing changed: who waits for a key that was unknown looks again. */
  readonly asked: number
}

/** Snapshot changes about issuers. */
export type IssuerOp =
  | { readonly op: 'issuer'; readonly issuer: IssuerSpec }
  | { readonly op: 'issuer-gone'; readonly name: string }

/** The name under which our own issuer publishes its keys. */
export const OWN_ISSUER = 'identity'

/** Data to control: a token names a key of this issuer that data has not. Control asks the issuer, as often as its settings allow, and publishes. */
export interface KeyWantedMessage {
  readonly type: 'key-wanted'
  readonly issuer: string
}

/** Equal for the changes that speak of the same issuer. */
export function issuerKey(op: IssuerOp): string {
  return `issuer ${op.op === 'issuer' ? op.issuer.name : op.name}`
}
