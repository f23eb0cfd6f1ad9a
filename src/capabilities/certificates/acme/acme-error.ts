/** How asking an authority for a certificate can fail. */
export type AcmeFault =
  /** No answer, or none that ACME knows: it may work later. */
  | 'ERR_CERTIFICATE_ACME_UNREACHABLE'
  /** It says no, with its reason. */
  | 'ERR_CERTIFICATE_ACME_REFUSED'
  /** It, or `tls.acme.ordersPerHour`, says not now. */
  | 'ERR_CERTIFICATE_ACME_LIMITED'
  /** It has asked for the host, and was not answered as it should be. */
  | 'ERR_CERTIFICATE_ACME_UNPROVED'
  /** It has not decided in time. */
  | 'ERR_CERTIFICATE_ACME_LATE'
  /** What it has issued cannot be used. */
  | 'ERR_CERTIFICATE_ACME_UNUSABLE'

export interface AcmeErrorFacts {
  /** Type of the authority's problem document (RFC 8555 section 6.7), without its prefix; '' for none. */
  readonly type?: string
  /** Unix milliseconds before which it is not to be asked again; 0: it says nothing. */
  readonly retryAtMs?: number
  /** Nothing will come of the order any more. */
  readonly isOrderLost?: boolean
}

/** Something that an authority said, or did not say. Its text is quoted, bounded. */
export class AcmeError extends Error {
  override readonly name = 'AcmeError'
  readonly code: AcmeFault
  readonly type: string
  readonly retryAtMs: number
  readonly isOrderLost: boolean

  constructor(code: AcmeFault, message: string, facts: AcmeErrorFacts = {}) {
    super(message)
    this.code = code
    this.type = facts.type ?? ''
    this.retryAtMs = facts.retryAtMs ?? 0
    this.isOrderLost = facts.isOrderLost ?? false
  }
}

const PREFIX = 'urn:ietf:params:acme:error:'
/** Of what an authority says, so much is told. */
const QUOTED_MAX = 300
/** Problems in which the request is right and its time is wrong. */
const LIMITS: ReadonlySet<string> = new Set(['rateLimited'])

/** A problem document (RFC 9457) of an answer, or of an order or challenge that failed. */
export interface AcmeProblem {
  readonly type?: unknown
  readonly detail?: unknown
  readonly subproblems?: unknown
}

/** The type without its prefix; '' where there is none. */
export function problemType(problem: AcmeProblem | undefined): string {
  const type = problem?.type
  return typeof type === 'string' && type.startsWith(PREFIX) ? type.slice(PREFIX.length) : ''
}

/** One sentence of what an authority has said; what it says may quote anybody, so it is one line and bounded. */
export function problemText(problem: AcmeProblem | undefined): string {
  const detail = typeof problem?.detail === 'string' ? problem.detail : 'no reason was given'
  const more = Array.isArray(problem?.subproblems)
    ? problem.subproblems.flatMap((one: unknown) => {
        const { detail: text } = (one ?? {}) as AcmeProblem
        return typeof text === 'string' ? [text] : []
      })
    : []
  const text = [detail, ...more].join('; ').replaceAll(/[^\P{C}]+/gu, ' ')
  const type = problemType(problem)
  const short = text.length <= QUOTED_MAX ? text : `${text.slice(0, QUOTED_MAX)}...`
  return type === '' ? short : `${short} (${type})`
}

/** What an answer that is an error means. `retryAtMs` is its Retry-After. */
export function errorOfProblem(
  status: number,
  problem: AcmeProblem | undefined,
  retryAtMs: number,
): AcmeError {
  const type = problemType(problem)
  const facts = { type, retryAtMs }
  if (status === 429 || LIMITS.has(type)) {
    return new AcmeError(
      'ERR_CERTIFICATE_ACME_LIMITED',
      `the authority says not now: ${problemText(problem)}`,
      facts,
    )
  }
  if (status >= 500 || type === 'badNonce' || type === 'serverInternal') {
    return new AcmeError(
      'ERR_CERTIFICATE_ACME_UNREACHABLE',
      `the authority answered ${status}: ${problemText(problem)}`,
      facts,
    )
  }
  return new AcmeError(
    'ERR_CERTIFICATE_ACME_REFUSED',
    `the authority refused: ${problemText(problem)}`,
    facts,
  )
}
