import { type JsonValue, parseStrictJson, StrictJsonError } from '../strict-json/strict-json.ts'
import { isJwsAlgorithm, type JwsAlgorithm } from './algorithms.ts'
import { decodeBase64url } from './base64url.ts'
import type { TokenFault } from './faults.ts'

/** Members of a header or claims, by name. */
export type JsonMembers = ReadonlyMap<string, JsonValue>

/** A token that was taken apart; nothing of it is believed yet. */
export interface CompactJws {
  readonly alg: JwsAlgorithm
  /** '' where it names no key. */
  readonly kid: string
  /** In lower case, without `application/`; '' where it says none. */
  readonly typ: string
  /** How many characters of the token are signed. */
  readonly signedLength: number
  readonly signature: Buffer
  /** In base64url. */
  readonly payload: string
}

/** A token is at most this long: more than any that fits into the head of a request of a browser. */
export const TOKEN_LENGTH_MAX = 8_192
const KID_LENGTH_MAX = 512
const HEADER_LIMITS = { depthMax: 4, valuesMax: 64 }
const CLAIMS_LIMITS = { depthMax: 8, valuesMax: 1_024 }
const FORM = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+$/
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Takes a token in the compact form of RFC 7515 section 3.1 apart, or says why it is none. */
export function parseCompactJws(token: string): CompactJws | TokenFault {
  if (token.length > TOKEN_LENGTH_MAX) return 'too-long'
  if (!FORM.test(token)) return formFault(token)
  const first = token.indexOf('.')
  const second = token.indexOf('.', first + 1)
  const header = readMembers(token.slice(0, first), HEADER_LIMITS, 'header-json')
  if (typeof header === 'string') return header
  const signature = decodeBase64url(token.slice(second + 1))
  if (signature === undefined) return 'encoding'
  const checked = checkHeader(header)
  if (typeof checked === 'string') return checked
  return {
    ...checked,
    signedLength: second,
    signature,
    payload: token.slice(first + 1, second),
  }
}

/** Unsecured tokens have no third part (RFC 7519 section 6.1), and encrypted ones have five. */
function formFault(token: string): TokenFault {
  const parts = token.split('.')
  if (parts.length === 5) return 'encrypted'
  return parts.length === 3 && parts[2] === '' ? 'alg-none' : 'not-compact'
}

/** The claims of a token whose signature was found right (RFC 8725 section 3: not before), or why they are none. */
export function readClaims(payload: string): JsonMembers | TokenFault {
  return readMembers(payload, CLAIMS_LIMITS, 'payload-json')
}

function readMembers(
  text: string,
  limits: { readonly depthMax: number; readonly valuesMax: number },
  otherwise: 'header-json' | 'payload-json',
): JsonMembers | TokenFault {
  const bytes = decodeBase64url(text)
  if (bytes === undefined) return 'encoding'
  try {
    const value = parseStrictJson(UTF8.decode(bytes), limits)
    return value instanceof Map ? (value as JsonMembers) : otherwise
  } catch (error) {
    if (!(error instanceof StrictJsonError)) return otherwise
    switch (error.fault) {
      case 'duplicate-name':
      case 'too-deep':
        return error.fault
      case 'too-many':
      case 'number':
      case 'syntax':
        return otherwise
      default:
        return error.fault satisfies never
    }
  }
}

type Header = Pick<CompactJws, 'alg' | 'kid' | 'typ'>

/** Members that would let a token choose the key that it is verified with (RFC 8725 section 3.10): refused rather than overlooked. */
const OWN_KEYS = ['jwk', 'jku', 'x5c', 'x5u']

function checkHeader(header: JsonMembers): Header | TokenFault {
  const alg = header.get('alg')
  if (alg === undefined) return 'alg-missing'
  if (typeof alg === 'string' && alg.toLowerCase() === 'none') return 'alg-none'
  if (header.has('enc') || header.has('zip')) return 'encrypted'
  if (typeof alg !== 'string' || !isJwsAlgorithm(alg)) return 'alg-unknown'
  // RFC 7515 section 4.1.11: whoever does not know one of these must refuse; we know none, `b64` included (RFC 7797).
  if (header.has('crit') || header.has('b64')) return 'crit'
  if (OWN_KEYS.some((name) => header.has(name))) return 'embedded-key'
  const kid = header.get('kid') ?? ''
  if (typeof kid !== 'string' || kid.length > KID_LENGTH_MAX) return 'kid'
  const typ = header.get('typ') ?? ''
  if (typeof typ !== 'string') return 'typ'
  // Section 4.1.9: compared as media types are, `application/` may be left out.
  return { alg, kid, typ: typ.toLowerCase().replace(/^application\//, '') }
}
