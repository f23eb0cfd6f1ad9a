import { errors, type Client, type KoaContextWithOIDC } from 'oidc-provider'
import type { IdentityState } from '../../../contracts/identity-state.ts'
import { apiScopesOf, scopesIn } from './clients.ts'

/** Scopes that ask about a person, and open no API. */
const PERSONAL: ReadonlySet<string> = new Set([
  'openid',
  'offline_access',
  'profile',
  'email',
  'roles',
  'groups',
])

/** The APIs that take our tokens, each an audience of its own (RFC 8707). */
export type Resources = ReturnType<typeof createResources>

/** An API has the scopes that the file says; the default audience takes every scope that its client has. */
export function createResources(state: IdentityState) {
  const known = new Map(state.resources.map((resource) => [resource.id, resource]))
  const alg = state.keys.algs[0] ?? 'ES256'

  function scopesFor(audience: string, client: Client): string {
    const allowed = [...apiScopesOf(client)]
    const own = known.get(audience)
    return (own === undefined ? allowed : allowed.filter((one) => own.scopes.includes(one))).join(
      ' ',
    )
  }

  return {
    scopesFor,
    /** Whoever asks for scopes of an API, or is no person, gets a token for the default audience; a mere sign-in gets one for userinfo. */
    defaultResource: async (
      ctx: KoaContextWithOIDC,
      _client: Client,
      oneOf?: readonly string[],
    ): Promise<string | string[] | undefined> => {
      if (oneOf !== undefined) return oneOf[0]
      const scopes = scopesIn(ctx.oidc.params?.['scope'])
      const isAboutPerson = scopes.includes('openid') && scopes.every((one) => PERSONAL.has(one))
      return isAboutPerson ? undefined : state.audience
    },
    describe: async (_ctx: KoaContextWithOIDC, audience: string, client: Client) => {
      if (audience !== state.audience && !known.has(audience)) {
        throw new errors.InvalidTarget()
      }
      return {
        audience,
        scope: scopesFor(audience, client),
        accessTokenFormat: 'jwt' as const,
        jwt: { sign: { alg } },
      }
    },
  }
}
