/** How a route finds out who calls, as control tells it to data. What is secret in it is hashed, or a key that must be there to verify. */
export interface AuthSpec {
  /** One of the ways is enough, or each must let the request in. */
  readonly needs: 'any' | 'all'
  /** At least one. They are asked in this order. */
  readonly ways: readonly AuthWay[]
  /** Said in WWW-Authenticate. */
  readonly realm: string
  /** Claims that go on to the service as headers, by lower-case name; whatever a client sends under these names is dropped. */
  readonly forward: readonly (readonly [claim: string, header: string])[]
  /** Credentials go on to the service, too. */
  readonly passesCredentials: boolean
}

/** What who was recognised must have: all of each. */
export interface AuthDemands {
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
  /** Claim by its path, and the values of which it must have one. */
  readonly claims: readonly (readonly [path: string, values: readonly string[]])[]
}

export type AuthWay =
  | BearerWay
  | KeyWay
  | BasicWay
  | SignatureWay
  | IntrospectionWay
  | CertificateWay

/** A JWT that one of the issuers has signed (RFC 6750, RFC 7519, RFC 9068). */
export interface BearerWay extends AuthDemands {
  readonly way: 'jwt'
  readonly issuers: readonly string[]
  readonly audiences: readonly string[]
  /** Lower case; '' for any. */
  readonly typ: string
  readonly skewSeconds: number
  /** 0: as old as its `exp` allows. */
  readonly ageSecondsMax: number
}

/** What is known of who has a credential of the file. */
export interface Grantee {
  readonly id: string
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
}

/** A random key in a header. */
export interface KeyWay extends AuthDemands {
  readonly way: 'key'
  /** Lower case. */
  readonly header: string
  /** Hexadecimal SHA-256 of each key: keys are random, so nothing slower is needed. */
  readonly keys: readonly (Grantee & { readonly sha256: string })[]
}

/** Name and password (RFC 7617). */
export interface BasicWay extends AuthDemands {
  readonly way: 'basic'
  /** The hash as `scrypt:N:r:p:SALT:HASH`, salt and hash in base64url. */
  readonly users: readonly (Grantee & { readonly hash: string })[]
}

/** A signature over the request (RFC 9421) with a shared secret (`hmac-sha256`). */
export interface SignatureWay extends AuthDemands {
  readonly way: 'signature'
  readonly keys: readonly (Grantee & { readonly secret: string })[]
  /** Components that a signature must cover. */
  readonly covers: readonly string[]
  /** How old `created` may be, and how far in the future. */
  readonly ageSecondsMax: number
  readonly skewSeconds: number
}

/** A token that only its issuer understands (RFC 7662). */
export interface IntrospectionWay extends AuthDemands {
  readonly way: 'introspection'
  readonly url: string
  readonly client: string
  readonly secret: string
  readonly audiences: readonly string[]
  readonly timeoutMs: number
  /** How long an answer is believed, at most until `exp`. */
  readonly cacheMs: number
  /** Questions under way, a worker; beyond it 503. */
  readonly concurrency: number
}

/** The certificate that the client has shown in the handshake of its connection (RFC 8705 calls it mutual TLS). */
export interface CertificateWay extends AuthDemands {
  readonly way: 'certificate'
  /** One of these must stand above it; empty: any that is believed. */
  readonly authorities: readonly string[]
  /** It must have one of these names with its kind, `URI:spiffe://shop/orders`; a `*` at the end stands for any rest. Empty: any. */
  readonly names: readonly string[]
}
