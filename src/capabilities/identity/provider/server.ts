import { Provider } from 'oidc-provider'
import { timingSafeEqual } from 'node:crypto'
import type { IdentityState } from '../../../contracts/identity-state.ts'
import type { Log } from '../../../platform/capability.ts'
import { hashOf, secretHashOf } from '../store/hash.ts'
import { successorOf } from './adapter.ts'
import { configureServer } from './configuration.ts'
import type { ServerGround } from './server-ground.ts'
import { registerTokenExchange } from './token-exchange.ts'

/**
 * Makes the authorization server for these settings and keys. A change makes a new one over the same store; requests that the old one has begun end
 * there. Throws what the library says of a configuration that it cannot take.
 */
export function createServer(state: IdentityState, ground: ServerGround, log: Log): Provider {
  const provider = new Provider(state.issuer, configureServer(state, ground))
  // The scheme is the issuer's: what is in front of us may speak TLS for us. `answerIdentity` writes these fields itself.
  provider.proxy = true
  registerTokenExchange(provider, state, ground)
  acceptHashedSecrets(provider)
  hideHashedSecrets(provider)
  acceptSecretOfUpdate(provider)
  followTokens(provider, ground)
  claimOnce(provider, ground)
  provider.on('server_error', (_context, error) =>
    log('error', 'the authorization server failed', { error: error.message, stack: error.stack }),
  )
  provider.on('backchannel.error', (_context, error, client) =>
    log('warn', 'a client could not be told of a logout', {
      client: client.clientId,
      error: error.message,
    }),
  )
  return provider
}

/** Secrets are stored as hashes, those of the file come as hashes: what a client sends is hashed before it is compared. */
function acceptHashedSecrets(provider: Provider): void {
  Object.defineProperty(provider.Client.prototype, 'compareClientSecret', {
    value(this: { readonly clientSecret?: string }, actual: string): boolean {
      const wanted = Buffer.from(this.clientSecret ?? '')
      const given = Buffer.from(secretHashOf(actual))
      return wanted.length === given.length && timingSafeEqual(wanted, given)
    },
  })
}

/** RFC 7592 section 2.2: a client that changes itself says its secret, which is compared to the stored one; that is a hash. */
function acceptSecretOfUpdate(provider: Provider): void {
  const bodies = new WeakMap<object, unknown>()
  const { prototype } = (provider as unknown as { readonly OIDCContext: { prototype: object } })
    .OIDCContext
  Object.defineProperty(prototype, 'body', {
    get(this: object): unknown {
      return bodies.get(this)
    },
    set(this: { readonly route?: string }, body: unknown) {
      const { client_secret: secret } = (body ?? {}) as { readonly client_secret?: unknown }
      const isSecret = this.route === 'client_update' && typeof secret === 'string'
      bodies.set(
        this,
        isSecret ? { ...(body as object), client_secret: secretHashOf(secret) } : body,
      )
    },
  })
}

/** RFC 7592 shows a client its secret again; what we have is a hash, and no use to it. */
function hideHashedSecrets(provider: Provider): void {
  provider.use(async (ctx, next) => {
    await next()
    const { route } = (ctx as { oidc?: { readonly route?: string } }).oidc ?? {}
    const { body } = ctx as { body?: unknown }
    if (
      (route === 'client' || route === 'client_update') &&
      typeof body === 'object' &&
      body !== null
    ) {
      const { client_secret: _secret, ...rest } = body as Record<string, unknown>
      ctx.body = rest
    }
  })
}

/** A refresh token that takes the place of another one is always the same: see `successorOf`. */
function followTokens(
  provider: Provider,
  { successorSecret }: Pick<ServerGround, 'successorSecret'>,
): void {
  const { prototype } = provider.RefreshToken as unknown as {
    readonly prototype: { readonly generateTokenId: (this: unknown) => string }
  }
  const fresh = prototype.generateTokenId
  Object.defineProperty(prototype, 'generateTokenId', {
    value(this: unknown): string {
      const rotated = Provider.ctx?.oidc.entities.RotatedRefreshToken
      return rotated === undefined ? fresh.call(this) : successorOf(successorSecret, rotated.jti)
    },
  })
}

/** Proofs and assertions are good once, however many come at once: whoever stores the id first (RFC 7523 section 3, RFC 9449 section 11.1). */
function claimOnce(provider: Provider, { entries }: Pick<ServerGround, 'entries'>): void {
  Object.defineProperty(provider.ReplayDetection, 'unique', {
    value: (iss: string, jti: string, expiresS: number) =>
      entries.claim({
        kind: 'ReplayDetection',
        id: hashOf('ReplayDetection', JSON.stringify([iss, jti])),
        payload: '{}',
        expiresMs: expiresS * 1000,
      }),
  })
}
