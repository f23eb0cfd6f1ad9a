import type { Account } from '../accounts/accounts.ts'

/** Which claims a scope asks for (OpenID Connect Core section 5.4, and our roles and groups). */
export const CLAIMS_BY_SCOPE = {
  openid: ['sub'],
  profile: ['name', 'preferred_username'],
  email: ['email', 'email_verified'],
  roles: ['roles'],
  groups: ['groups'],
  acr: null,
  amr: null,
  auth_time: null,
  sid: null,
  iss: null,
} as const

/** What is known of an account, by the claims' names. */
export function claimsOf(account: Account): { readonly sub: string } & Record<string, unknown> {
  const { id, login, name, email, roles, groups } = account
  return {
    sub: id,
    name: name === '' ? login : name,
    preferred_username: login,
    // Nobody was sent anything: it is what the account or its operator says.
    ...(email === '' ? {} : { email, email_verified: false }),
    roles,
    groups,
  }
}
