import type { AuthSpec, AuthWay } from '../../contracts/auth.ts'
import { formatLine } from '../../mechanisms/http1/answer.ts'
import { claimAt, formatClaim } from '../../mechanisms/jwt/grants.ts'
import { compileKeyWay } from '../auth/api-key.ts'
import { compileBasicWay } from '../auth/basic.ts'
import { judgeBearer } from '../auth/bearer.ts'
import { compileCertificateWay } from '../auth/certificate.ts'
import type { Identity } from '../auth/identity.ts'
import { compileIntrospection } from '../auth/introspection.ts'
import type { Deferred, Outcome } from '../auth/outcome.ts'
import { compileSignatureWay } from '../auth/request-signature.ts'
import {
  type LocalReply,
  type PendingDecision,
  type Policy,
  type PolicyExchange,
  type PolicyGround,
  type PolicyTicket,
  VERDICT,
} from './policy.ts'

type Judge = (exchange: PolicyExchange) => Outcome | Deferred

/**
 * Finds out who calls, and lets nobody pass who may not. What went wrong is in record and `why`; the client learns only that it was not enough. Claims go
 * on as headers that no client can send: those are dropped whoever sends them.
 */
export function compileAuth(spec: AuthSpec, ground: PolicyGround): Policy {
  const judges = spec.ways.map((way) => compileWay(way, ground))
  const replies = createReplies(spec)
  const needsOtherConnection = asksElsewhere(spec)
  const linesOf = createClaimLines(spec)
  const headers = spec.forward.map(([, header]) => header)
  const conclude = spec.needs === 'any' ? concludeAny : concludeAll

  function decide(outcome: Outcome): PendingDecision {
    if (outcome.kind === 'granted') {
      const { identity } = outcome
      return {
        verdict: VERDICT.go,
        requestLines: linesOf(identity),
        identity,
        note: noteOf(identity),
      }
    }
    const answer = replies(outcome)
    return { verdict: VERDICT.answer, answer, note: answer.detail }
  }

  return {
    kind: 'auth',
    dropsRequestFields: [...headers, ...(spec.passesCredentials ? [] : credentialFields(spec))],
    request(exchange) {
      // One way, and at once: nearly always. Nothing is made for it.
      const first = judges.length === 1 ? judges[0]!(exchange) : judgeAll(judges, exchange)
      const outcome = Array.isArray(first) ? conclude(first) : (first as Outcome | Deferred)
      if (outcome === undefined || typeof outcome === 'function') {
        const all = Array.isArray(first) ? first : [first as Deferred]
        suspend(exchange, async () => decide(await settle(all, conclude)))
        return VERDICT.pending
      }
      if (outcome.kind === 'granted') {
        const { identity } = outcome
        exchange.identity = identity
        if (headers.length > 0) exchange.requestLines += linesOf(identity)
        exchange.note(noteOf(identity))
        return VERDICT.go
      }
      exchange.answer = needsOtherConnection(exchange, outcome) ?? replies(outcome)
      exchange.note(exchange.answer.detail)
      return VERDICT.answer
    },
  }
}

function compileWay(way: AuthWay, { auth }: PolicyGround): Judge {
  switch (way.way) {
    case 'jwt':
      return (exchange) => judgeBearer(way, exchange.header('authorization'), auth)
    case 'key': {
      const judge = compileKeyWay(way)
      return (exchange) => judge(exchange.header(way.header))
    }
    case 'basic': {
      const judge = compileBasicWay(way, auth.clock)
      return (exchange) => judge(exchange.header('authorization'))
    }
    case 'signature':
      return compileSignatureWay(way, auth.clock)
    case 'certificate':
      return compileCertificateWay(way, auth.clock)
    case 'introspection': {
      const judge = compileIntrospection(way, auth.clock)
      return (exchange) => judge(exchange.header('authorization'))
    }
    default:
      return way satisfies never
  }
}

type Answered = Outcome | Deferred

/** Every way is asked while the request is there; what takes longer is only begun where the others do not decide. */
function judgeAll(judges: readonly Judge[], exchange: PolicyExchange): readonly Answered[] {
  return judges.map((judge) => judge(exchange))
}

/** In the order of the ways, one after the other, until it is decided. */
async function settle(
  all: readonly Answered[],
  conclude: (outcomes: readonly Answered[]) => Outcome | undefined,
): Promise<Outcome> {
  const outcomes = [...all]
  for (const [at, answered] of outcomes.entries()) {
    if (typeof answered !== 'function') continue
    outcomes[at] = await answered()
    const decided = conclude(outcomes)
    if (decided !== undefined) return decided
  }
  return conclude(outcomes) ?? { kind: 'unavailable', why: 'nothing has decided' }
}

/** The first who says yes. Undefined: it is not decided yet. */
function concludeAny(outcomes: readonly Answered[]): Outcome | undefined {
  let worst: Outcome | undefined
  let isOpen = false
  for (const outcome of outcomes) {
    if (typeof outcome === 'function') isOpen = true
    else if (outcome.kind === 'granted') return outcome
    else if (worst === undefined || rankOf(outcome) > rankOf(worst)) worst = outcome
  }
  return isOpen ? undefined : worst
}

/** All must say yes; who called is who the first way found. */
function concludeAll(outcomes: readonly Answered[]): Outcome | undefined {
  let isOpen = false
  for (const outcome of outcomes) {
    if (typeof outcome === 'function') isOpen = true
    else if (outcome.kind !== 'granted') return outcome
  }
  return isOpen ? undefined : (outcomes[0] as Outcome)
}

/** Of several that say no, the one that knows most: it is known who calls; it cannot be judged now; it was wrong; there was nothing. */
function rankOf({ kind }: Outcome): number {
  return ['absent', 'refused', 'unavailable', 'forbidden'].indexOf(kind)
}

/** What comes of it wakes the request; an error of ours does not leave it waiting. */
function suspend(exchange: PolicyExchange, work: () => Promise<PendingDecision>): void {
  const ticket: PolicyTicket = exchange.suspend(() => {})
  work().then(
    (decision) => void ticket.resume(decision),
    (error: unknown) => {
      const detail = `auth failed: ${String(error)}`
      ticket.resume({
        verdict: VERDICT.answer,
        answer: { code: 'ERR_GATEWAY_AUTH_UNAVAILABLE', detail, told: TOLD.unavailable },
        note: detail,
      })
    },
  )
}

function noteOf({ by, subject }: Identity): string {
  return subject === '' ? `auth: ${by}` : `auth: ${by}, subject ${subject}`
}

/** Only the certificate counts, and the connection was made for a host that does not ask for one: on another one the client is asked (RFC 9110 section 15.5.20). */
function asksElsewhere({
  ways,
}: AuthSpec): (exchange: PolicyExchange, outcome: Outcome) => LocalReply | undefined {
  const isOnly = ways.every(({ way }) => way === 'certificate')
  const detail =
    'the route demands a certificate of the client, and the connection was made for a host that does not ask for one: another connection is needed (tls.clients.hosts)'
  return (exchange, outcome) =>
    isOnly && outcome.kind === 'absent' && exchange.scheme === 'https' && !exchange.isClientAsked
      ? { code: 'ERR_GATEWAY_CLIENT_NOT_ASKED', detail }
      : undefined
}

/** What a client is told, in place of what is known. */
const TOLD = {
  unauthorized: 'credentials are missing or not valid',
  forbidden: 'the credentials are valid, and not enough for this',
  unavailable: 'credentials cannot be checked now',
} as const

function createReplies(spec: AuthSpec): (outcome: Outcome) => LocalReply {
  const challenge = challengeLines(spec)
  return (outcome) => {
    switch (outcome.kind) {
      case 'absent':
        return {
          code: 'ERR_GATEWAY_UNAUTHENTICATED',
          detail: 'there are no credentials that this route takes',
          told: TOLD.unauthorized,
          lines: challenge(''),
        }
      case 'refused':
        return {
          code: 'ERR_GATEWAY_UNAUTHENTICATED',
          detail: outcome.why,
          told: TOLD.unauthorized,
          lines: challenge('invalid_token'),
        }
      case 'forbidden':
        return {
          code: 'ERR_GATEWAY_FORBIDDEN',
          detail: outcome.why,
          told: TOLD.forbidden,
          lines: challenge('insufficient_scope'),
        }
      case 'unavailable':
        return {
          code: 'ERR_GATEWAY_AUTH_UNAVAILABLE',
          detail: outcome.why,
          told: TOLD.unavailable,
          lines: 'retry-after: 1\r\n',
        }
      case 'granted':
        throw new TypeError('a request that may pass is not answered')
      default:
        return outcome satisfies never
    }
  }
}

/** WWW-Authenticate (RFC 9110 section 11.6.1): one challenge for each way; with an error of RFC 6750 section 3.1 where tokens have one. */
function challengeLines({ ways, realm }: AuthSpec): (error: string) => string {
  const linesOf = (error: string): string =>
    [...new Set(ways.map((way) => challengeOf(way, realm, error)))]
      .map((value) => formatLine('www-authenticate', value))
      .join('')
  const known = new Map(
    ['', 'invalid_token', 'insufficient_scope'].map((error) => [error, linesOf(error)]),
  )
  return (error) => known.get(error) ?? ''
}

function challengeOf(way: AuthWay, realm: string, error: string): string {
  switch (way.way) {
    case 'jwt':
    case 'introspection': {
      const scope =
        error === 'insufficient_scope' && way.scopes.length > 0
          ? `, scope="${way.scopes.join(' ')}"`
          : ''
      return `Bearer realm="${realm}"${error === '' ? '' : `, error="${error}"${scope}`}`
    }
    case 'basic':
      return `Basic realm="${realm}", charset="UTF-8"`
    case 'key':
      return `ApiKey realm="${realm}", header="${way.header}"`
    case 'signature':
      return `Signature realm="${realm}"`
    case 'certificate':
      return `ClientCertificate realm="${realm}"`
    default:
      return way satisfies never
  }
}

/** Lines for the service, made once an identity: the requests of one token come one after the other. */
function createClaimLines({ forward }: AuthSpec): (identity: Identity) => string {
  let lastIdentity: Identity | undefined
  let lastLines = ''
  return (identity) => {
    if (identity === lastIdentity) return lastLines
    let lines = ''
    for (const [claim, header] of forward) {
      const value = formatClaim(claimAt(identity.claims, claim))
      if (value !== '') lines += formatLine(header, value)
    }
    lastIdentity = identity
    lastLines = lines
    return lines
  }
}

/** Where credentials stand. */
function credentialFields({ ways }: AuthSpec): readonly string[] {
  return ways.flatMap((way) => {
    switch (way.way) {
      case 'key':
        return [way.header]
      case 'signature':
        return ['signature', 'signature-input']
      case 'certificate':
        return ['client-cert']
      case 'jwt':
      case 'basic':
      case 'introspection':
        return ['authorization']
      default:
        return way satisfies never
    }
  })
}
