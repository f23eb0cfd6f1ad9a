import { createLocalJWKSet, jwtVerify, type JWTPayload } from 'jose'
import {
  errors,
  type AccessToken,
  type ClientCredentials,
  type KoaContextWithOIDC,
  type Provider,
} from 'oidc-provider'
import type { IdentityState } from '../../../contracts/identity-state.ts'
import type { Account, Accounts } from '../accounts/accounts.ts'
import type { StoredKey } from '../keys/key-store.ts'
import type { ServerGround } from './server-ground.ts'
import { apiScopesOf, needsConsent, scopesIn, TOKEN_EXCHANGE_GRANT } from './clients.ts'

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
const JWT = 'urn:ietf:params:oauth:token-type:jwt'
const TOKEN_BYTES_MAX = 8 * 1024
/** A chain of services that is longer is a circle. */
const ACTORS_MAX = 8
/** Clocks of two machines may differ by so much. */
const CLOCK_TOLERANCE_S = 5

/** What an exchange adds to the token: who it is about, and who acts. */
interface Exchange {
  readonly subject: string
  readonly act: Actor
  /** `roles`, `groups`: those that the subject's token has. */
  readonly claims: ReadonlySet<string>
}

interface Actor {
  readonly sub: string
  readonly act?: Actor
}

interface SubjectToken {
  readonly subject: string
  /** The client that it was issued to. */
  readonly client: string
  readonly scopes: readonly string[]
  readonly expiresS: number
  readonly act: Actor | undefined
  readonly claims: ReadonlySet<string>
}

/** One of our own JWT access tokens, whoever it was issued to. Throws `InvalidRequest`: RFC 8693 section 2.2.2 asks for that code. */
async function readToken(
  text: unknown,
  name: string,
  { issuer, keys }: Pick<IdentityState, 'issuer'> & { readonly keys: readonly StoredKey[] },
): Promise<SubjectToken> {
  const refuse = () =>
    new errors.InvalidRequest(`${name} is not a valid access token of this issuer`)
  if (typeof text !== 'string' || text.length > TOKEN_BYTES_MAX) throw refuse()
  let payload: JWTPayload
  try {
    const set = createLocalJWKSet({ keys: keys.map(({ publicJwk }) => publicJwk) })
    const verified = await jwtVerify(text, set, {
      issuer,
      typ: 'at+jwt',
      requiredClaims: ['exp', 'sub', 'client_id', 'aud'],
      clockTolerance: CLOCK_TOLERANCE_S,
    })
    payload = verified.payload
  } catch {
    throw refuse()
  }
  return {
    subject: String(payload.sub),
    client: String(payload['client_id']),
    scopes: scopesIn(payload['scope']),
    expiresS: Number(payload.exp),
    act: payload['act'] as Actor | undefined,
    claims: new Set(Object.keys(payload)),
  }
}

/** A person who may not sign in any more is not acted for either. */
async function checkSubject({ subject, client }: SubjectToken, accounts: Accounts): Promise<void> {
  if (subject === client) return
  const account = await accounts.find(subject)
  if (account === undefined || account.isDisabled) {
    throw new errors.InvalidRequest('the subject of subject_token may not sign in any more')
  }
}

function depthOf(act: Actor | undefined): number {
  return act === undefined ? 0 : 1 + depthOf(act.act)
}

const exchanges = Symbol('exchange')
type Exchanging = { [exchanges]?: Exchange }

/**
 * RFC 8693, for delegation: a service that got a token asks for one of its own for the next service, about the same person, with at most the same
 * scopes, for at most the same time; `act` says who acts, and for whom.
 */
export function registerTokenExchange(
  provider: Provider,
  state: IdentityState,
  { keys, accounts, nowMs }: Pick<ServerGround, 'keys' | 'accounts' | 'nowMs'>,
): void {
  const parameters = [
    'subject_token',
    'subject_token_type',
    'actor_token',
    'actor_token_type',
    'requested_token_type',
    'audience',
    'resource',
    'scope',
  ]
  provider.registerGrantType(
    TOKEN_EXCHANGE_GRANT,
    async (ctx) => {
      const { client, params } = ctx.oidc
      if (client.clientAuthMethod === 'none') {
        throw new errors.InvalidClient('only a client with credentials may exchange tokens')
      }
      if (client.dpopBoundAccessTokens === true) {
        throw new errors.InvalidGrant(
          "this client's tokens are bound to its key, and an exchanged one would not be",
        )
      }
      checkTypes(params)
      const issuer = { issuer: state.issuer, keys }
      const subject = await readToken(params['subject_token'], 'subject_token', issuer)
      await checkSubject(subject, accounts)
      const actor =
        params['actor_token'] === undefined
          ? undefined
          : await readToken(params['actor_token'], 'actor_token', issuer)
      const audience = audienceOf(params, state)
      const scope = scopesOf(params, subject, apiScopesOf(client), state, audience)
      const act: Actor = {
        sub: actor?.subject ?? client.clientId,
        ...(subject.act === undefined ? {} : { act: subject.act }),
      }
      if (depthOf(act) > ACTORS_MAX) throw new errors.InvalidRequest('too many actors')
      const token = new provider.ClientCredentials({ client, scope: scope.join(' ') } as never)
      token.resourceServer = new provider.ResourceServer(audience, {
        audience,
        scope: scope.join(' '),
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: state.keys.algs[0] ?? 'ES256' } },
      } as never) as never
      const leftS = subject.expiresS - Math.floor(nowMs() / 1000)
      Object.assign(token, { expiresIn: Math.max(1, Math.min(token.expiration, leftS)) })
      ;(ctx.oidc as Exchanging)[exchanges] = {
        subject: subject.subject,
        act,
        claims: subject.claims,
      }
      ctx.oidc.entity('ClientCredentials', token)
      const value = await token.save()
      ctx.body = {
        access_token: value,
        issued_token_type: ACCESS_TOKEN,
        token_type: 'Bearer',
        expires_in: token.expiration,
        ...(scope.length === 0 ? {} : { scope: scope.join(' ') }),
      }
    },
    parameters,
    ['audience', 'resource'],
  )
}

type Params = Readonly<Record<string, unknown>>

function checkTypes(params: Params): void {
  const isAccess = (type: unknown) => type === ACCESS_TOKEN || type === JWT
  if (!isAccess(params['subject_token_type'])) {
    throw new errors.InvalidRequest(`subject_token_type must be ${ACCESS_TOKEN}`)
  }
  if (params['actor_token'] !== undefined && !isAccess(params['actor_token_type'])) {
    throw new errors.InvalidRequest(`actor_token_type must be ${ACCESS_TOKEN}`)
  }
  const requested = params['requested_token_type']
  if (requested !== undefined && !isAccess(requested)) {
    throw new errors.InvalidRequest(`requested_token_type must be ${ACCESS_TOKEN}`)
  }
}

function audienceOf(params: Params, { audience, resources }: IdentityState): string {
  const asked = params['resource'] ?? params['audience'] ?? audience
  if (typeof asked !== 'string') throw new errors.InvalidTarget('one audience a token')
  if (asked === audience || resources.some(({ id }) => id === asked)) return asked
  throw new errors.InvalidTarget()
}

/** What is asked for, or all that the subject's token has; never more than that, than the client may have, and than the audience knows. */
function scopesOf(
  params: Params,
  subject: SubjectToken,
  allowed: ReadonlySet<string>,
  { resources }: IdentityState,
  audience: string,
): readonly string[] {
  const known = resources.find(({ id }) => id === audience)?.scopes
  const mayHave = subject.scopes.filter(
    (scope) => allowed.has(scope) && (known === undefined || known.includes(scope)),
  )
  const { scope } = params
  if (typeof scope !== 'string' || scope === '') return mayHave
  const asked = scope.split(' ')
  const refused = asked.find((one) => !mayHave.includes(one))
  if (refused === undefined) return asked
  throw new errors.InvalidScope('more than the subject token or the client has', refused)
}

/** Claims of an access token beside the standard ones: roles and groups of a person, and who acts. */
export async function extraClaims(
  ctx: KoaContextWithOIDC,
  token: AccessToken | ClientCredentials,
  accounts: Accounts,
): Promise<Record<string, unknown> | undefined> {
  const exchange = (ctx.oidc as Exchanging)[exchanges]
  if (exchange !== undefined) {
    const account = await accounts.find(exchange.subject)
    return { ...rolesOf(account, exchange.claims), act: exchange.act }
  }
  const { accountId } = token as { readonly accountId?: string }
  if (accountId === undefined) return undefined
  const { account } = (ctx.oidc.entities.Account ?? {}) as { readonly account?: Account }
  const { client } = ctx.oidc
  // A client of our own acts as the person; one that people are asked for, as far as they allowed it.
  const allowed =
    client === undefined || needsConsent(client)
      ? new Set(scopesIn(ctx.oidc.entities.Grant?.getOIDCScope()))
      : ROLE_CLAIMS
  return rolesOf(account?.id === accountId ? account : await accounts.find(accountId), allowed)
}

const ROLE_CLAIMS: ReadonlySet<string> = new Set(['roles', 'groups'])

function rolesOf(
  account: { readonly roles: readonly string[]; readonly groups: readonly string[] } | undefined,
  allowed: ReadonlySet<string>,
): Record<string, unknown> {
  if (account === undefined) return {}
  const { roles, groups } = account
  return {
    ...(roles.length === 0 || !allowed.has('roles') ? {} : { roles }),
    ...(groups.length === 0 || !allowed.has('groups') ? {} : { groups }),
  }
}

/** The token of an exchange is about its subject, not about the client. */
export function nameSubject(
  ctx: KoaContextWithOIDC,
  _token: unknown,
  parts: { payload: Record<string, unknown> },
): void {
  const exchange = (ctx.oidc as Exchanging)[exchanges]
  if (exchange !== undefined) parts.payload['sub'] = exchange.subject
}
