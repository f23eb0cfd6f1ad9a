import type { IdentityClient, IdentityGrant } from '../../../contracts/identity-state.ts'
import type { ClientMetadata } from '../store/clients.ts'

/** RFC 8693 section 2.1. */
export const TOKEN_EXCHANGE_GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange'
/** RFC 8628 section 3.4. */
export const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'

/** The client that leads people to the page of their own account: it gets no token, so it needs no code. */
export const ACCOUNT_CLIENT = 'backplane-account'

/** What we say of a client beside RFC 7591; nobody who registers himself may. */
export const OWN_METADATA = ['api_scopes', 'needs_consent'] as const

const GRANT_NAMES: Readonly<Record<IdentityGrant, string>> = {
  authorization_code: 'authorization_code',
  refresh_token: 'refresh_token',
  client_credentials: 'client_credentials',
  device_code: DEVICE_GRANT,
  token_exchange: TOKEN_EXCHANGE_GRANT,
}

/** A client of the file as the server takes it. Its secret is a hash: see `acceptHashedSecrets`. */
export function metadataOf(client: IdentityClient): ClientMetadata {
  const { secretHash, jwks, jwksUri, backchannelLogoutUri } = client
  const hasCode = client.grants.includes('authorization_code')
  return {
    client_id: client.id,
    client_name: client.name ?? client.id,
    application_type: client.isNative ? 'native' : 'web',
    token_endpoint_auth_method: client.auth,
    ...(secretHash === undefined ? {} : { client_secret: secretHash }),
    ...(jwks === undefined ? {} : { jwks }),
    ...(jwksUri === undefined ? {} : { jwks_uri: jwksUri }),
    redirect_uris: client.redirectUris,
    post_logout_redirect_uris: client.logoutUris,
    ...(backchannelLogoutUri === undefined
      ? {}
      : {
          backchannel_logout_uri: backchannelLogoutUri,
          backchannel_logout_session_required: true,
        }),
    grant_types: client.grants.map((grant) => GRANT_NAMES[grant]),
    response_types: client.id === ACCOUNT_CLIENT ? ['none'] : hasCode ? ['code'] : [],
    require_pushed_authorization_requests: client.needsPush,
    dpop_bound_access_tokens: client.needsDpop,
    api_scopes: client.scopes,
    needs_consent: client.needsConsent,
  }
}

/** The scopes of APIs that it may ask for. */
export function apiScopesOf(client: object): ReadonlySet<string> {
  const { api_scopes: scopes } = client as { readonly api_scopes?: unknown }
  return new Set(Array.isArray(scopes) ? scopes.map(String) : [])
}

/** The scopes in a space-separated list (RFC 6749 section 3.3); none in anything else. */
export function scopesIn(text: unknown): readonly string[] {
  return typeof text === 'string' ? text.split(' ').filter((scope) => scope !== '') : []
}

/** One that registered itself is asked for, too. */
export function needsConsent(client: object): boolean {
  return (client as { readonly needs_consent?: unknown }).needs_consent !== false
}
