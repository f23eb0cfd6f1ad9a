import {
  interactionPolicy,
  type Client,
  type Configuration,
  type KoaContextWithOIDC,
} from 'oidc-provider'
import type { IdentityState } from '../../../contracts/identity-state.ts'
import { devicePages, errorPage, logoutPages } from '../pages/provider-pages.ts'
import { createAdapter } from './adapter.ts'
import { CLAIMS_BY_SCOPE, claimsOf } from './claims.ts'
import { metadataOf, needsConsent, OWN_METADATA } from './clients.ts'
import { grantFor } from './consent.ts'
import { createResources } from './resources.ts'
import { checkMetadata } from './registration.ts'
import type { ServerGround } from './server-ground.ts'
import { extraClaims, nameSubject } from './token-exchange.ts'

const CLIENT_CREDENTIALS_MS = 10 * 60_000
const INTERACTION_MS = 60 * 60_000
/** Whoever goes on refreshing signs in again after a year; until then consent is remembered. */
const GRANT_MS = 365 * 24 * 60 * 60_000

/** Everything that the server is told. Secure where its own defaults ask for less: PKCE for all, no implicit, no password grant, JWT for APIs. */
export function configureServer(state: IdentityState, ground: ServerGround): Configuration {
  const { accounts, keys, look } = ground
  const resources = createResources(state)
  return {
    adapter: (model) => createAdapter(model, ground),
    jwks: { keys: keys.map(({ privateJwk }) => privateJwk) } as NonNullable<Configuration['jwks']>,
    cookies: cookiesOf(state, ground),
    clients: state.clients.map(metadataOf) as NonNullable<Configuration['clients']>,
    clientDefaults: {
      grant_types: ['authorization_code'],
      response_types: ['code'],
      id_token_signed_response_alg: state.keys.algs[0] ?? 'ES256',
      token_endpoint_auth_method: 'client_secret_basic',
    },
    // HMAC would need the secret itself: we keep its hash.
    clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    enabledJWA: enabledAlgorithms(state),
    responseTypes: ['code', 'none'],
    scopes: ['openid', 'offline_access', 'profile', 'email', 'roles', 'groups'],
    claims: CLAIMS_BY_SCOPE as unknown as NonNullable<Configuration['claims']>,
    // A token for an API opens no userinfo, so what was asked for is in the ID token.
    conformIdTokenClaims: false,
    extraClientMetadata: { properties: [...OWN_METADATA], validator: checkMetadata },
    pkce: { required: () => true },
    clientBasedCORS: isOriginOf,
    rotateRefreshToken: isRotated,
    issueRefreshToken: async (_ctx, client, source) =>
      client.grantTypeAllowed('refresh_token') &&
      (source.scopes.has('offline_access') || !needsConsent(client)),
    revokeGrantPolicy: () => true,
    loadExistingGrant: (ctx) => grantFor(ctx, resources, ground.entries),
    async findAccount(_ctx, id) {
      const account = await accounts.find(id)
      if (account === undefined || account.isDisabled) return undefined
      return { accountId: account.id, account, claims: async () => claimsOf(account) }
    },
    extraTokenClaims: (ctx, token) => extraClaims(ctx, token, accounts),
    formats: { customizers: { jwt: nameSubject } },
    interactions: {
      policy: policyOf(),
      url: (_ctx, { uid }) => `${new URL(state.issuer).pathname}/interaction/${uid}`,
    },
    ttl: lifetimesOf(state),
    renderError: (ctx, out) => errorPage(ctx, out, look),
    features: featuresOf(state, ground, resources),
    fetch: fetchFor(state),
    // Key sets of clients are small.
    fetchResponseBodyLimits: { jwks_uri: 256 * 1024, sector_identifier_uri: 64 * 1024 },
  }
}

function featuresOf(
  state: IdentityState,
  ground: ServerGround,
  resources: ReturnType<typeof createResources>,
): NonNullable<Configuration['features']> {
  const { look } = ground
  return {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: {
      enabled: true,
      allowedPolicy: (_ctx, client) => client.clientAuthMethod !== 'none',
    },
    revocation: { enabled: true, allowedPolicy: mayRevoke },
    pushedAuthorizationRequests: { enabled: true },
    dPoP: { enabled: true, nonceSecret: Buffer.from(ground.nonceSecret) },
    backchannelLogout: { enabled: true },
    claimsParameter: { enabled: true },
    deviceFlow: { enabled: true, charset: 'base-20', mask: '****-****', ...devicePages(look) },
    rpInitiatedLogout: { enabled: true, ...logoutPages(look) },
    resourceIndicators: {
      enabled: true,
      defaultResource: resources.defaultResource,
      getResourceServerInfo: resources.describe,
      useGrantedResource: () => true,
    },
    registration: {
      enabled: state.mayRegisterClients,
      initialAccessToken: state.mayRegisterClients,
    },
    registrationManagement: { enabled: state.mayRegisterClients },
    userinfo: { enabled: true },
  }
}

function cookiesOf(
  { issuer }: IdentityState,
  { cookieKeys }: ServerGround,
): NonNullable<Configuration['cookies']> {
  const path = new URL(issuer).pathname
  return {
    keys: [...cookieKeys],
    names: {
      session: 'backplane_session',
      interaction: 'backplane_interaction',
      resume: 'backplane_resume',
    },
    long: { httpOnly: true, sameSite: 'lax', signed: true, path, overwrite: true },
    short: { httpOnly: true, sameSite: 'lax', signed: true, path, overwrite: true },
  }
}

/**
 * A redirect could lead inside, so none is followed. The library lets nobody send us to a private address, which is right for clients that registered
 * themselves; what the file names is wanted by the operator, and most of it is private.
 */
function fetchFor({ clients }: IdentityState): NonNullable<Configuration['fetch']> {
  const named = new Set(
    clients.flatMap(({ jwksUri, backchannelLogoutUri }) =>
      [jwksUri, backchannelLogoutUri].flatMap((uri) =>
        uri === undefined ? [] : [new URL(uri).href],
      ),
    ),
  )
  return (url, options) => {
    const { dispatcher, ...rest } = options as RequestInit & { readonly dispatcher?: unknown }
    const guard = named.has(new URL(url).href) ? {} : { dispatcher }
    return fetch(url, { ...rest, ...guard, redirect: 'error' } as RequestInit)
  }
}

/** Pages of public clients may call: those of the origins that they are answered at. */
function isOriginOf(_ctx: KoaContextWithOIDC, origin: string, client: Client): boolean {
  if (origin === 'null' || client.clientAuthMethod !== 'none') return false
  return (client.redirectUris ?? []).some((uri) => URL.parse(uri)?.origin === origin)
}

/** A client revokes what is its own (RFC 7009 section 2.1). */
function mayRevoke(
  _ctx: KoaContextWithOIDC,
  client: Client,
  token: { readonly clientId?: string | undefined },
): boolean {
  return token.clientId === client.clientId
}

/** Public clients are rotated, whoever holds the token; the others are bound to their credentials or their key, and a rotation would only break retries. */
function isRotated(ctx: KoaContextWithOIDC): boolean {
  return ctx.oidc.client?.clientAuthMethod === 'none'
}

/** Who runs on a device of the user's own is asked again only where consent is asked at all. */
function policyOf() {
  const policy = interactionPolicy.base()
  policy.get('consent')?.checks.remove('native_client_prompt')
  return policy
}

function enabledAlgorithms({ keys }: IdentityState): NonNullable<Configuration['enabledJWA']> {
  const signing = [...keys.algs]
  return {
    idTokenSigningAlgValues: signing,
    userinfoSigningAlgValues: signing,
    introspectionSigningAlgValues: signing,
    authorizationSigningAlgValues: signing,
    clientAuthSigningAlgValues: ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256'],
    dPoPSigningAlgValues: ['ES256', 'EdDSA', 'Ed25519'],
  }
}

function lifetimesOf({ lifetimes, resources }: IdentityState): NonNullable<Configuration['ttl']> {
  const seconds = (ms: number) => Math.max(1, Math.floor(ms / 1000))
  const known = new Map(resources.map(({ id, lifetimeMs }) => [id, lifetimeMs]))
  const tokenMs = (audience: unknown, otherwiseMs: number) =>
    known.get(String(audience)) ?? otherwiseMs
  return {
    AccessToken: (_ctx, token) => seconds(tokenMs(token.aud, lifetimes.accessTokenMs)),
    AuthorizationCode: seconds(lifetimes.codeMs),
    ClientCredentials: (_ctx, token) =>
      seconds(tokenMs(token.aud, Math.min(CLIENT_CREDENTIALS_MS, lifetimes.accessTokenMs))),
    DeviceCode: seconds(lifetimes.deviceCodeMs),
    Grant: seconds(GRANT_MS),
    IdToken: seconds(lifetimes.idTokenMs),
    Interaction: seconds(INTERACTION_MS),
    RefreshToken: (ctx) => {
      const leftS =
        seconds(GRANT_MS) - (ctx.oidc.entities.RotatedRefreshToken?.totalLifetime() ?? 0)
      return Math.max(1, Math.min(seconds(lifetimes.refreshTokenMs), leftS))
    },
    // Of nobody yet: it holds the secret of one form.
    Session: (_ctx, session) =>
      seconds(
        session.accountId === undefined
          ? Math.min(INTERACTION_MS, lifetimes.sessionMs)
          : lifetimes.sessionMs,
      ),
  }
}
