/** How a handshake can end without a connection; the name in the metrics. */
export type HandshakeFailure =
  /** The client left in the middle, or sent what is no TLS. */
  | 'closed'
  | 'malformed'
  /** An HTTP request without TLS. */
  | 'plain-http'
  /** No version, suite, signature or application protocol that both sides take. */
  | 'nothing-shared'
  /** The client does not believe our certificate. */
  | 'not-trusted'
  /** There is no certificate, or it cannot be used. */
  | 'certificate'
  | 'timeout'
  /** No PROXY protocol header, or one of somebody who is not believed. */
  | 'proxy-protocol'
  /** It was an authority's question, and was answered. */
  | 'challenge'

/** What Node makes of an error of OpenSSL begins so; what follows is OpenSSL's name of the reason. */
const OPENSSL = 'ERR_SSL_'
const NOTHING_SHARED: ReadonlySet<string> = new Set([
  'NO_SHARED_CIPHER',
  'UNSUPPORTED_PROTOCOL',
  'VERSION_TOO_LOW',
  'NO_SHARED_SIGNATURE_ALGORITHMS',
  'NO_SUITABLE_SIGNATURE_ALGORITHM',
  'NO_SUITABLE_KEY_SHARE',
  'NO_SUITABLE_GROUPS',
  'NO_APPLICATION_PROTOCOL',
  'INAPPROPRIATE_FALLBACK',
  'TLSV1_ALERT_PROTOCOL_VERSION',
])
const NOT_TRUSTED = /_ALERT_(CERTIFICATE|BAD_CERTIFICATE|UNKNOWN_CA|UNSUPPORTED_CERTIFICATE)/

/** The reason that OpenSSL names for a request in the clear. */
export const PLAIN_HTTP = `${OPENSSL}HTTP_REQUEST`

/** By the code of the error that ended it. */
export function explainFailure(code: string): HandshakeFailure {
  if (!code.startsWith(OPENSSL)) return 'closed'
  if (code === PLAIN_HTTP) return 'plain-http'
  if (NOT_TRUSTED.test(code)) return 'not-trusted'
  const reason = code.slice(OPENSSL.length)
  if (NOTHING_SHARED.has(reason)) return 'nothing-shared'
  return reason === 'NO_CERTIFICATE_SET' ? 'certificate' : 'malformed'
}
