import type { AuthDemands, AuthSpec, AuthWay } from '../../contracts/auth.ts'
import { type AuthSettings, secretText } from './auth-settings.ts'
import type { TrustedIssuers } from './trusted-issuers.ts'

/** `auth` for the data plane. `issuers` are all there are. */
export function specifyAuth(auth: AuthSettings, issuers: TrustedIssuers): AuthSpec {
  return {
    needs: auth.all ? 'all' : 'any',
    ways: waysOf(auth, issuers),
    realm: auth.realm,
    forward: Object.entries(auth.forward).map(([header, claim]) => [claim, header.toLowerCase()]),
    passesCredentials: auth.pass,
  }
}

type Demanding = Pick<NonNullable<AuthSettings['jwt']>, 'scopes' | 'roles' | 'claims'>

function demandsOf({ scopes, roles, claims }: Demanding): AuthDemands {
  return {
    scopes,
    roles,
    claims: Object.entries(claims).map(([path, values]) => [path, [values].flat()]),
  }
}

function audiencesOf(audience: string | readonly string[]): readonly string[] {
  return audience === '*' ? [] : [audience].flat()
}

function waysOf(
  { jwt, key, basic, signature, introspection, certificate }: AuthSettings,
  issuers: TrustedIssuers,
): readonly AuthWay[] {
  const ways: AuthWay[] = []
  if (jwt !== undefined) {
    ways.push({
      way: 'jwt',
      issuers: jwt.issuers.length === 0 ? issuers.names : jwt.issuers,
      audiences: audiencesOf(jwt.audience ?? issuers.ownAudience ?? ''),
      typ: jwt.typ === 'any' ? '' : jwt.typ,
      skewSeconds: jwt.skew / 1_000,
      ageSecondsMax: jwt.maxAge / 1_000,
      ...demandsOf(jwt),
    })
  }
  if (key !== undefined) {
    ways.push({ way: 'key', header: key.header.toLowerCase(), keys: key.keys, ...demandsOf(key) })
  }
  if (basic !== undefined) {
    const users = basic.users.map((user) => ({ ...user, hash: secretText(user.hash) }))
    ways.push({ way: 'basic', users, ...demandsOf(basic) })
  }
  if (signature !== undefined) {
    ways.push({
      way: 'signature',
      keys: signature.keys.map((each) => ({ ...each, secret: secretText(each.secret) })),
      covers: signature.covers,
      ageSecondsMax: signature.maxAge / 1_000,
      skewSeconds: signature.skew / 1_000,
      ...demandsOf(signature),
    })
  }
  if (introspection !== undefined) {
    const { url, client, timeout, cache, concurrency } = introspection
    ways.push({
      way: 'introspection',
      url,
      client,
      secret: secretText(introspection.secret),
      audiences: audiencesOf(introspection.audience),
      timeoutMs: timeout,
      cacheMs: cache,
      concurrency,
      ...demandsOf(introspection),
    })
  }
  if (certificate !== undefined)
    ways.push({ way: 'certificate', ...certificate, ...demandsOf(certificate) })
  return ways
}
