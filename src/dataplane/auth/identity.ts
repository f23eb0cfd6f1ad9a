import type { JsonMembers } from '../../mechanisms/jwt/compact.ts'
import type { AuthDemands } from '../../contracts/auth.ts'
import type { ClientCertificate } from '../tls/client-certificate.ts'
import { claimAt, hasClaimValue, rolesOf, scopesOf } from '../../mechanisms/jwt/grants.ts'

/** Who calls, once that is verified. Made once a credential, and shared by its requests: nothing of a request is in it. */
export interface Identity {
  /** `jwt of shop`, `key`, ... as `why` says it. */
  readonly by: string
  /** Tells callers apart: with the name of who vouches for it, since two issuers may give one subject to two people. */
  readonly key: string
  /** '' for a token without one. */
  readonly subject: string
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
  readonly claims: JsonMembers
}

/** Of a token's claims. */
export function identityOfClaims(
  by: string,
  authority: string,
  subject: string,
  claims: JsonMembers,
): Identity {
  return {
    by,
    key: `${authority}\n${subject}`,
    subject,
    scopes: scopesOf(claims),
    roles: rolesOf(claims),
    claims,
  }
}

/** Of a credential of the file. */
export function identityOfGrantee(
  by: string,
  grantee: {
    readonly id: string
    readonly scopes: readonly string[]
    readonly roles: readonly string[]
  },
): Identity {
  const { id, scopes, roles } = grantee
  return {
    by,
    key: `${by}\n${id}`,
    subject: id,
    scopes,
    roles,
    claims: new Map<string, string | readonly string[]>([
      ['sub', id],
      ['scope', scopes.join(' ')],
      ['roles', roles],
    ]),
  }
}

/** Of a certificate: its first alternative name (URI before others), else its subject. Claims: `sub`, `names`, `fingerprint`, `authorities`. */
export function identityOfCertificate(shown: ClientCertificate): Identity {
  const { names, subject, fingerprint, authorities } = shown
  const name = names.find((each) => each.startsWith('URI:')) ?? names[0]
  const sub = name === undefined ? subject : name.slice(name.indexOf(':') + 1)
  return {
    by: 'certificate',
    key: `certificate ${authorities[0]}\n${sub}`,
    subject: sub,
    scopes: [],
    roles: [],
    claims: new Map<string, string | readonly string[]>([
      ['sub', sub],
      ['names', names],
      ['fingerprint', fingerprint],
      ['authorities', authorities],
    ]),
  }
}

/** What of a route's demands an identity does not meet, in words for the operator; undefined: nothing. */
export function missingOf(identity: Identity, demands: AuthDemands): string | undefined {
  for (const scope of demands.scopes) {
    if (!identity.scopes.includes(scope)) return `the scope ${scope} is missing`
  }
  for (const role of demands.roles) {
    if (!identity.roles.includes(role)) return `the role ${role} is missing`
  }
  for (const [path, values] of demands.claims) {
    const claim = claimAt(identity.claims, path)
    if (!values.some((value) => hasClaimValue(claim, value)))
      return `the claim ${path} is none of ${values.join(', ')}`
  }
  return undefined
}
