import { createHash } from 'node:crypto'
import {
  DEFAULT_AUDIENCE,
  type IdentityClient,
  type IdentityState,
} from '../../../contracts/identity-state.ts'
import type { HostPort } from '../../../platform/config/addresses.ts'
import type { IdentitySettings } from '../schema.ts'

/** What the file says, as far as identity is told of it. */
export interface IdentityControlConfig {
  /** Undefined: there is no such section, and no such process. */
  readonly identity: IdentitySettings | undefined
  readonly listen: {
    readonly default: 'auto' | 'off'
    readonly identity?: HostPort | 'off' | undefined
    readonly console?: HostPort | 'off' | undefined
  }
  /** Name of the system. */
  readonly system: string
}

const CONSOLE_PORT = 4000

/** Everything, with defaults filled in; secrets of clients as hashes. */
export function identityState(
  { listen, system }: IdentityControlConfig,
  identity: IdentitySettings,
  portBefore: number,
): IdentityState {
  const { accounts, keys, lifetimes, clients, resources } = identity
  return {
    listen: { default: listen.default, identity: listen.identity },
    portBefore,
    system,
    issuer: identity.issuer ?? defaultIssuer(listen.console),
    audience: identity.audience ?? DEFAULT_AUDIENCE,
    postgres: textOf(identity.postgres),
    masterKey: textOf(identity.key),
    resources: resources.map(({ id, scopes, lifetime }) => ({ id, scopes, lifetimeMs: lifetime })),
    clients: clients.map(clientOf),
    accounts: {
      mayRegister: accounts.register,
      passwordLengthMin: accounts.passwordLength,
      hashing: {
        memoryKib: accounts.memory * 1024,
        passes: accounts.passes,
        concurrency: accounts.hashes,
      },
    },
    keys: { algs: keys.algorithms, rotationMs: keys.rotation, overlapMs: keys.overlap },
    lifetimes: {
      accessTokenMs: lifetimes.accessToken,
      idTokenMs: lifetimes.idToken,
      refreshTokenMs: lifetimes.refreshToken,
      sessionMs: lifetimes.session,
      codeMs: lifetimes.code,
      deviceCodeMs: lifetimes.deviceCode,
      graceMs: lifetimes.grace,
    },
    mayRegisterClients: identity.registration,
    look: Object.fromEntries(
      Object.entries(identity.look).filter(
        (entry): entry is [string, string] => entry[1] !== undefined,
      ),
    ),
  }
}

/** Where the console is, by a name that a browser takes for secure. */
function defaultIssuer(console: HostPort | 'off' | undefined): string {
  const port = typeof console === 'object' ? console.port : CONSOLE_PORT
  return `http://localhost:${port}/identity`
}

function clientOf(client: IdentitySettings['clients'][number]): IdentityClient {
  const { id, name, jwks, jwksUri, redirectUris, logoutUris, backchannelLogoutUri } = client
  const secret = textOf(client.secret)
  const hasKeys = jwks !== undefined || jwksUri !== undefined
  return {
    id,
    name,
    secretHash:
      secret === undefined
        ? undefined
        : createHash('sha256').update(secret, 'utf8').digest('base64url'),
    auth: hasKeys ? 'private_key_jwt' : secret === undefined ? 'none' : client.auth,
    jwks,
    jwksUri,
    redirectUris,
    logoutUris,
    backchannelLogoutUri,
    grants:
      client.grants ??
      (redirectUris.length > 0 ? ['authorization_code', 'refresh_token'] : ['client_credentials']),
    scopes: client.scopes,
    isNative: client.native,
    needsConsent: client.consent,
    needsPush: client.par,
    needsDpop: client.dpop,
  }
}

/** The loader has put the text of a secret in its place. */
function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
