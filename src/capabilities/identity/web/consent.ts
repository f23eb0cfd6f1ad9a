import type { Exchange, WebGround } from './exchange.ts'
import type { SignIn } from './step.ts'

/** Grants what the page has shown, and goes on. */
export async function consent(
  { request, response }: Exchange,
  { provider }: WebGround,
  signIn: SignIn,
): Promise<void> {
  const accountId = signIn.session?.accountId
  const { missingOIDCScope, missingOIDCClaims, missingResourceScopes } = signIn.prompt.details as {
    readonly missingOIDCScope?: string[]
    readonly missingOIDCClaims?: string[]
    readonly missingResourceScopes?: Readonly<Record<string, string[]>>
  }
  const clientId = String(signIn.params['client_id'])
  const before =
    signIn.grantId === undefined ? undefined : await provider.Grant.find(signIn.grantId)
  const grant =
    before ?? new provider.Grant({ clientId, ...(accountId === undefined ? {} : { accountId }) })
  if (missingOIDCScope !== undefined) grant.addOIDCScope(missingOIDCScope.join(' '))
  if (missingOIDCClaims !== undefined) grant.addOIDCClaims(missingOIDCClaims)
  for (const [audience, scopes] of Object.entries(missingResourceScopes ?? {})) {
    grant.addResourceScope(audience, scopes.join(' '))
  }
  const grantId = await grant.save()
  await provider.interactionFinished(
    request,
    response,
    { consent: { grantId } },
    { mergeWithLastSubmission: true },
  )
}
