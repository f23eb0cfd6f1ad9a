/** What control tells identity, and what identity tells back beside listeners and problems. Durations are milliseconds. */

/** Audience of tokens that name no resource, where the file says none. */
export const DEFAULT_AUDIENCE = 'urn:backplane:api'

/** Everything that the file says of identity. */
export interface IdentityState {
  /** The section `listen` of the file: `default`, and the listener `identity`. */
  readonly listen: {
    readonly default: 'auto' | 'off'
    readonly identity?: { readonly host: string; readonly port: number } | 'off' | undefined
  }
  /** Where any port will do: the one that the listener had before this process started; 0: none. */
  readonly portBefore: number
  /** Name of the system, for people. */
  readonly system: string
  /** `https://id.example.com/identity`, without a slash at the end. */
  readonly issuer: string
  /** Audience of tokens that name no resource. */
  readonly audience: string
  /** URL of a PostgreSQL that several nodes share; undefined: SQLite in the data folder. */
  readonly postgres: string | undefined
  /** The key that seals all others; undefined: that of the data folder. */
  readonly masterKey: string | undefined
  readonly resources: readonly IdentityResource[]
  readonly clients: readonly IdentityClient[]
  readonly accounts: IdentityAccountPolicy
  readonly keys: {
    /** The first one signs where nothing else is said. */
    readonly algs: readonly ('ES256' | 'EdDSA' | 'RS256')[]
    readonly rotationMs: number
    readonly overlapMs: number
  }
  readonly lifetimes: IdentityLifetimes
  /** Clients may register themselves, with an initial access token. */
  readonly mayRegisterClients: boolean
  /** CSS variables of the pages by their name without dashes: `accent`. */
  readonly look: Readonly<Record<string, string>>
}

/** An API that takes our tokens. */
export interface IdentityResource {
  /** Its audience, an absolute URI. */
  readonly id: string
  readonly scopes: readonly string[]
  readonly lifetimeMs: number | undefined
}

/** A client of the file. */
export interface IdentityClient {
  readonly id: string
  readonly name: string | undefined
  /** SHA-256 of its secret, base64url; undefined: it has none. */
  readonly secretHash: string | undefined
  /** RFC 7591 `token_endpoint_auth_method`. */
  readonly auth: 'none' | 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt'
  readonly jwks: { readonly keys: readonly Readonly<Record<string, unknown>>[] } | undefined
  readonly jwksUri: string | undefined
  readonly redirectUris: readonly string[]
  readonly logoutUris: readonly string[]
  readonly backchannelLogoutUri: string | undefined
  readonly grants: readonly IdentityGrant[]
  readonly scopes: readonly string[]
  readonly isNative: boolean
  /** People are asked before it gets anything. */
  readonly needsConsent: boolean
  /** Every authorization request must be pushed. */
  readonly needsPush: boolean
  /** Every token is bound to a key of the client (DPoP). */
  readonly needsDpop: boolean
}

/** As the file calls the grants. */
export type IdentityGrant =
  | 'authorization_code'
  | 'refresh_token'
  | 'client_credentials'
  | 'device_code'
  | 'token_exchange'

/** Who may have an account, and how they prove it. */
export interface IdentityAccountPolicy {
  readonly mayRegister: boolean
  readonly passwordLengthMin: number
  readonly hashing: {
    readonly memoryKib: number
    readonly passes: number
    /** Hashes side by side. */
    readonly concurrency: number
  }
}

/** How long things live. */
export interface IdentityLifetimes {
  readonly accessTokenMs: number
  readonly idTokenMs: number
  readonly refreshTokenMs: number
  readonly sessionMs: number
  readonly codeMs: number
  readonly deviceCodeMs: number
  /** A lost answer may be asked for again. */
  readonly graceMs: number
}

/** A public key that verifies our tokens (RFC 7517, without anything secret). */
export type IdentityJwk = Readonly<Record<string, unknown>>

/** What identity adds to its report. */
export interface IdentityReport {
  readonly issuer: string
  readonly audience: string
  readonly keys: readonly IdentityJwk[]
}

/** What the console's listener hands over to identity, each with all below it (RFC 8414 section 3.1 puts the path of the issuer last). */
export const IDENTITY_PATHS: readonly string[] = [
  '/identity',
  '/.well-known/oauth-authorization-server/identity',
]

/** Whether a request is one for identity. */
export function isIdentityPath(url: string): boolean {
  const path = url.split('?', 1)[0] ?? ''
  return IDENTITY_PATHS.some((base) => path === base || path.startsWith(`${base}/`))
}
