import type { Grant, KoaContextWithOIDC } from 'oidc-provider'
import { needsConsent } from './clients.ts'
import type { Resources } from './resources.ts'

/**
 * The grant that covers this request: the one that the session has for the client, and where nobody is asked (a client of our own), with
 * everything that is requested.
 */
export async function grantFor(
  ctx: KoaContextWithOIDC,
  resources: Resources,
): Promise<Grant | undefined> {
  const { session, client, provider, result } = ctx.oidc
  if (session?.accountId === undefined || client === undefined) return undefined
  const consented = result?.consent?.grantId
  const id = consented ?? session.grantIdFor(client.clientId)
  const existing = id === undefined ? undefined : await provider.Grant.find(id)
  if (needsConsent(client)) return existing
  const isTheirs = existing?.accountId === session.accountId
  const grant =
    existing !== undefined && isTheirs
      ? existing
      : new provider.Grant({ accountId: session.accountId, clientId: client.clientId })
  const before = JSON.stringify([grant.openid, grant.resources])
  grantRequested(ctx, grant, resources)
  if (grant.jti === undefined || JSON.stringify([grant.openid, grant.resources]) !== before) {
    await grant.save()
  }
  return grant
}

/** Adds all that the request asks for. */
export function grantRequested(ctx: KoaContextWithOIDC, grant: Grant, resources: Resources): void {
  const { client, requestParamOIDCScopes, requestParamScopes, requestParamClaims } = ctx.oidc
  if (client === undefined) return
  grant.addOIDCScope([...requestParamOIDCScopes].join(' '))
  if (requestParamClaims.size > 0) grant.addOIDCClaims([...requestParamClaims])
  for (const audience of Object.keys(ctx.oidc.resourceServers ?? {})) {
    const available = resources.scopesFor(audience, client).split(' ')
    const wanted = [...requestParamScopes].filter((scope) => available.includes(scope))
    grant.addResourceScope(audience, wanted.join(' '))
  }
}
