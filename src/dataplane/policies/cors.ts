import type { CorsSpec } from '../../contracts/policies.ts'
import { formatLine } from '../../mechanisms/http1/answer.ts'
import { TOKEN } from '../../mechanisms/http1/bytes.ts'
import { isBelow, parseOriginPattern } from '../../mechanisms/cors/origin.ts'
import { type LocalReply, type Policy, type PolicyExchange, VERDICT } from './policy.ts'

/** Fields of the CORS protocol that only the gateway says where this policy is. */
const OWN_FIELDS = [
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'access-control-expose-headers',
  'access-control-max-age',
]
const READABLE = "cors: the page's origin may read the answer"
const NOT_READABLE = "cors: the page's origin may not read the answer"
const VARY_ORIGIN = 'vary: origin\r\n'

/**
 * The CORS protocol (Fetch standard, section 3.3) in place of the services: answers preflights, and says on every other answer which page may read it.
 * An answer that depends on the origin says so in Vary, also where the request has none: caches would mix them up.
 */
export function compileCors(spec: CorsSpec): Policy {
  const allowOf = originReader(spec)
  const vary = spec.origins.includes('*') ? '' : VARY_ORIGIN
  const preflight = preflightAnswer(spec)
  const allowed = spec.methods.join(', ')
  return {
    kind: 'cors',
    dropsResponseFields: OWN_FIELDS,
    request(exchange) {
      const origin = exchange.header('origin')
      const isOptions = exchange.method === 'OPTIONS'
      if (isOptions && origin !== undefined && isPreflight(exchange)) {
        exchange.answer = preflight(exchange, origin, allowOf(origin))
        exchange.note(exchange.answer.detail)
        return VERDICT.answer
      }
      const lines = allowOf(origin)
      exchange.responseLines += lines === undefined ? vary : vary + lines
      if (isOptions && !spec.passesOptions) {
        const detail = `${exchange.path} takes ${allowed}, and OPTIONS only with Origin and Access-Control-Request-Method`
        const allow = formatLine('allow', allowed)
        exchange.answer = { code: 'ERR_GATEWAY_METHOD_NOT_ALLOWED', detail, lines: allow }
        exchange.note(detail)
        return VERDICT.answer
      }
      if (origin !== undefined) exchange.note(lines === undefined ? NOT_READABLE : READABLE)
      return VERDICT.go
    },
  }
}

function isPreflight(exchange: PolicyExchange): boolean {
  return exchange.header('access-control-request-method') !== undefined
}

/** The lines that let pages of an origin read an answer; undefined: it is not allowed. */
function originReader(spec: CorsSpec): (origin: string | undefined) => string | undefined {
  const more =
    (spec.credentials ? 'access-control-allow-credentials: true\r\n' : '') +
    (spec.exposes.length > 0
      ? formatLine('access-control-expose-headers', spec.exposes.join(', '))
      : '')
  const linesFor = (origin: string): string =>
    formatLine('access-control-allow-origin', origin) + more
  const patterns = spec.origins.map(parseOriginPattern)
  // `*` is said whoever asks, so that caches need not tell origins apart.
  if (patterns.some(({ kind }) => kind === 'any')) {
    const lines = linesFor('*')
    return () => lines
  }
  const exact = new Map<string, string>()
  for (const pattern of patterns)
    if (pattern.kind === 'exact') exact.set(pattern.origin, linesFor(pattern.origin))
  const below = patterns.filter((pattern) => pattern.kind === 'below')
  return (origin) => {
    if (origin === undefined) return undefined
    const known = exact.get(origin)
    if (known !== undefined || below.length === 0) return known
    return below.some((pattern) => isBelow(pattern, origin)) ? linesFor(origin) : undefined
  }
}

type Preflight = (
  exchange: PolicyExchange,
  origin: string,
  allowLines: string | undefined,
) => LocalReply

const NO_BODY = { status: 204, contentType: '', body: '' } as const

/** RFC 9110 section 9.3.7 calls OPTIONS safe and not cacheable; what a browser may remember is in Access-Control-Max-Age. */
function preflightAnswer(spec: CorsSpec): Preflight {
  const fixed =
    formatLine('access-control-allow-methods', spec.methods.join(', ')) +
    formatLine('access-control-max-age', String(spec.maxAgeSeconds))
  const vary = 'vary: origin, access-control-request-method, access-control-request-headers\r\n'
  const { headers } = spec
  const configured =
    headers === undefined || headers.length === 0
      ? ''
      : formatLine('access-control-allow-headers', headers.join(', '))
  return (exchange, origin, allowLines) => {
    if (allowLines === undefined) {
      const detail = `the origin ${origin.slice(0, ORIGIN_SHOWN_MAX)} is not among cors.origins of this route`
      return { code: 'ERR_GATEWAY_CORS_REFUSED', detail, lines: vary }
    }
    const asked = exchange.header('access-control-request-headers')
    const echoed = headers === undefined && asked !== undefined && isNameList(asked)
    const names = echoed ? formatLine('access-control-allow-headers', asked) : configured
    return {
      code: '',
      detail: `cors: preflight of ${origin}`,
      lines: allowLines + fixed + names + vary,
      plain: NO_BODY,
    }
  }
}

/** As long as the longest host name. */
const ORIGIN_SHOWN_MAX = 253
const NAME_LIST_LENGTH_MAX = 4_096

/** Only field names, commas and spaces, and not without end: nothing else is said back. */
function isNameList(text: string): boolean {
  if (text === '' || text.length > NAME_LIST_LENGTH_MAX) return false
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char !== 0x2c && char !== 0x20 && (char > 127 || TOKEN[char] === 0)) return false
  }
  return true
}
