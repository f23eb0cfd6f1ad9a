import type { CertificateOp, ChallengeSpec } from '../../../contracts/certificates.ts'
import type { Clock } from '../../../platform/capability.ts'
import { AcmeError, type AcmeProblem, problemText, problemType } from './acme-error.ts'
import type { AcmeSession, Answer } from './session.ts'

/** An authority decides within seconds; after this long it is left for later. */
const DECISION_MS_MAX = 5 * 60_000
/** Between two looks, where the authority does not say. */
const LOOK_MS_MIN = 500
const LOOK_MS_MAX = 10_000

export type ChallengeKind = ChallengeSpec['kind']

/** What bringing an order to its end needs. */
export interface OrderGround {
  readonly session: AcmeSession
  /** Address of the account. */
  readonly kid: string
  readonly host: string
  /** Ways of proving it, the one to be tried first in front. */
  readonly challenges: readonly ChallengeKind[]
  readonly clock: Clock
  /** Resolves when every worker of the data plane answers. */
  readonly publish: (ops: readonly CertificateOp[]) => Promise<unknown>
  /** Rejects when the process begins to stop. */
  readonly wait: (ms: number) => Promise<void>
  /** What it is at, for people. */
  readonly step: (step: string) => void
  /** The request for the certificate, base64url of DER. */
  readonly request: () => Promise<string>
  readonly prove: (keyAuthorization: string) => Promise<{ chain: string; key: string }>
}

/** Brings an order to its end, wherever it stands: also one that a former process has begun. The chain, PEM. @throws AcmeError */
export async function finishOrder(ground: OrderGround, orderUrl: string): Promise<string> {
  const deadlineMs = ground.clock.monotonicMs() + DECISION_MS_MAX
  let isSent = false
  for (let round = 0; ; round++) {
    const answer = await read(ground, orderUrl)
    const { status, authorizations, finalize, certificate, error } = answer.value
    switch (status) {
      case 'pending':
        await proveAll(ground, authorizations)
        break
      case 'ready':
        // Once a process: what it says then is judged, and not asked for again.
        if (!isSent) await sendRequest(ground, textOf(finalize, 'finalize'))
        isSent = true
        break
      case 'processing':
        ground.step('waits for the certificate')
        break
      case 'valid':
        ground.step('fetches the certificate')
        return (await ground.session.post(textOf(certificate, 'certificate'), ground)).text
      default:
        throw lost(`the order is ${String(status)}: ${problemText(error as AcmeProblem)}`, error)
    }
    await nextLook(ground, answer, round, deadlineMs)
  }
}

async function sendRequest(ground: OrderGround, url: string): Promise<void> {
  ground.step('sends the request')
  try {
    await ground.session.post(url, ground, { csr: await ground.request() })
  } catch (error) {
    // Somebody was faster, such as this program before it was killed: the order says what came of it.
    if (error instanceof AcmeError && error.type === 'orderNotReady') return
    throw error
  }
}

async function proveAll(ground: OrderGround, authorizations: unknown): Promise<void> {
  if (!Array.isArray(authorizations) || authorizations.length === 0) {
    throw lost('the order names nothing that is to be proved')
  }
  for (const url of authorizations) await proveOne(ground, textOf(url, 'authorizations'))
}

interface Challenge {
  readonly type?: unknown
  readonly url?: unknown
  readonly token?: unknown
  readonly status?: unknown
  readonly error?: AcmeProblem
}

/** Shows what the authority wants to see, until it has decided. */
async function proveOne(ground: OrderGround, url: string): Promise<void> {
  const authorization = await read(ground, url)
  const { status, challenges } = authorization.value
  if (status === 'valid') return
  const offered = (Array.isArray(challenges) ? challenges : []) as readonly Challenge[]
  if (status !== 'pending') throw unproved(ground, offered, status)
  const challenge = choose(ground, offered)
  const spec = await specOf(ground, challenge)
  ground.step(`proves the host by ${spec.kind}`)
  await ground.publish([{ op: 'challenge', challenge: spec }])
  try {
    if (challenge.status === 'pending') {
      await ground.session.post(textOf(challenge.url, 'url'), ground, {})
    }
    await untilDecided(ground, url)
  } finally {
    await ground.publish([{ op: 'challenge-gone', id: spec.id }])
  }
}

async function untilDecided(ground: OrderGround, url: string): Promise<void> {
  const deadlineMs = ground.clock.monotonicMs() + DECISION_MS_MAX
  for (let round = 0; ; round++) {
    const answer = await read(ground, url)
    const { status, challenges } = answer.value
    if (status === 'valid') return
    if (status !== 'pending') {
      throw unproved(ground, (Array.isArray(challenges) ? challenges : []) as Challenge[], status)
    }
    await nextLook(ground, answer, round, deadlineMs)
  }
}

/** One that was begun is gone on with; else the first of the settings that is offered. */
function choose(ground: OrderGround, offered: readonly Challenge[]): Challenge {
  const begun = offered.find(
    ({ type, status }) =>
      status === 'processing' && ground.challenges.includes(type as ChallengeKind),
  )
  if (begun !== undefined) return begun
  for (const kind of ground.challenges) {
    const found = offered.find(({ type }) => type === kind)
    if (found !== undefined) return found
  }
  const kinds = offered.map(({ type }) => String(type)).join(', ')
  throw lost(
    `the authority wants ${ground.host} proved by ${kinds.slice(0, 100)}, and tls.acme.challenges are ${ground.challenges.join(', ')}`,
  )
}

async function specOf(ground: OrderGround, challenge: Challenge): Promise<ChallengeSpec> {
  const { host } = ground
  const token = textOf(challenge.token, 'token')
  // RFC 8555 section 8.3: of base64url, so that it means nothing in a path.
  if (!/^[A-Za-z0-9_-]{1,256}$/.test(token)) throw lost('the token of a challenge is none')
  const body = `${token}.${ground.session.key.thumbprint}`
  const id = `${host} ${token}`
  if (challenge.type === 'http-01') return { kind: 'http-01', id, host, token, body }
  return { kind: 'tls-alpn-01', id, host, ...(await ground.prove(body)) }
}

function read(ground: OrderGround, url: string): Promise<Answer> {
  return ground.session.post(url, ground)
}

async function nextLook(
  ground: OrderGround,
  { retryAtMs }: Answer,
  round: number,
  deadlineMs: number,
): Promise<void> {
  const { clock } = ground
  if (clock.monotonicMs() > deadlineMs) {
    throw new AcmeError(
      'ERR_CERTIFICATE_ACME_LATE',
      `the authority has not decided within ${DECISION_MS_MAX / 60_000} minutes`,
    )
  }
  const told = retryAtMs === 0 ? 0 : retryAtMs - clock.nowMs()
  const own = Math.min(LOOK_MS_MIN * 2 ** Math.min(round, 10), LOOK_MS_MAX)
  await ground.wait(Math.min(Math.max(told, own), DECISION_MS_MAX))
}

function unproved(
  { host }: OrderGround,
  challenges: readonly Challenge[],
  status: unknown,
): AcmeError {
  const failed = challenges.find(({ error }) => error !== undefined)
  const how = failed === undefined ? `it is ${String(status)}` : problemText(failed.error)
  const kind = failed === undefined ? '' : ` by ${String(failed.type)}`
  return new AcmeError(
    'ERR_CERTIFICATE_ACME_UNPROVED',
    `the authority did not find ${host} here${kind}: ${how}`,
    { type: problemType(failed?.error), isOrderLost: true },
  )
}

function lost(message: string, error?: unknown): AcmeError {
  const type = problemType(error as AcmeProblem | undefined)
  return new AcmeError('ERR_CERTIFICATE_ACME_REFUSED', message, { type, isOrderLost: true })
}

function textOf(value: unknown, name: string): string {
  if (typeof value === 'string') return value
  throw lost(`the authority's answer has no ${name}`)
}
