import type { Grant, KoaContextWithOIDC } from 'oidc-provider'
import { needsConsent } from './clients.ts'
import type { EntryStore } from '../store/entries.ts'
import type { Resources } from './resources.ts'

/**
 * The grant that covers this request: the one that the session has for the client; where nobody is asked (a client of our own), with everything that is
 * requested; and where people are asked, with what they have allowed this client before, in whatever browser.
 */
export async function grantFor(
  ctx: KoaContextWithOIDC,
  resources: Resources,
  entries: Pick<EntryStore, 'list'>,
): Promise<Grant | undefined> {
  const { session, client, provider, result } = ctx.oidc
  if (session?.accountId === undefined || client === undefined) return undefined
  const { accountId } = session
  const { clientId } = client
  const id = result?.consent?.grantId ?? session.grantIdFor(clientId)
  const found = id === undefined ? undefined : await provider.Grant.find(id)
  const existing = found?.accountId === accountId ? found : undefined
  if (needsConsent(client)) {
    return existing ?? remembered(new provider.Grant({ accountId, clientId }), entries)
  }
  const grant = existing ?? new provider.Grant({ accountId, clientId })
  const before = JSON.stringify([grant.openid, grant.resources])
  grantRequested(ctx, grant, resources)
  if (grant.jti === undefined || JSON.stringify([grant.openid, grant.resources]) !== before) {
    await grant.save()
  }
  return grant
}

/** The new grant with all that living ones of the same account and client allow; undefined where there is none. */
async function remembered(
  grant: Grant,
  entries: Pick<EntryStore, 'list'>,
): Promise<Grant | undefined> {
  const { accountId, clientId } = grant
  const stored = (await entries.list('Grant', accountId)).filter(
    (entry) => entry.client === clientId,
  )
  if (stored.length === 0) return undefined
  for (const { payload } of stored) {
    const { openid, resources = {} } = JSON.parse(payload) as Allowed
    if (openid?.scope !== undefined) grant.addOIDCScope(openid.scope)
    if (openid?.claims !== undefined) grant.addOIDCClaims([...openid.claims])
    for (const [audience, scope] of Object.entries(resources)) {
      grant.addResourceScope(audience, scope)
    }
  }
  await grant.save()
  return grant
}

/** What is looked at of a stored grant. */
interface Allowed {
  readonly openid?: { readonly scope?: string; readonly claims?: readonly string[] }
  readonly resources?: Readonly<Record<string, string>>
}

/** Takes away all that a client was granted for an account: what was allowed in one browser would else be remembered in another. */
export async function revokeAllOf(
  entries: Pick<EntryStore, 'list' | 'revokeGrant'>,
  account: string | undefined,
  client: string | undefined,
): Promise<void> {
  for (const grant of await entries.list('Grant', account)) {
    if (grant.client === client && grant.account === account) await entries.revokeGrant(grant.id)
  }
}

/** Adds all that the request asks for. */
function grantRequested(ctx: KoaContextWithOIDC, grant: Grant, resources: Resources): void {
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
