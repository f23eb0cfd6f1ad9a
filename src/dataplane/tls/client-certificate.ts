import type { X509Certificate } from 'node:crypto'
import { checkChain, type ClientAuthority } from './client-authorities.ts'

/** The certificate that a client has shown in the handshake of its connection. A policy may read it: `authorities` says whether it is believed. */
export interface ClientCertificate {
  /** As people write it: `CN=orders, O=Shop`. Quotes what the certificate says. */
  readonly subject: string
  /** Alternative names with their kinds, as they are in the certificate: `DNS:orders.example`, `URI:spiffe://shop/orders`, `email:a@shop.example`. */
  readonly names: readonly string[]
  readonly issuer: string
  /** Hexadecimal, upper case. */
  readonly serial: string
  /** SHA-256 of the whole certificate, lower-case hexadecimal. */
  readonly fingerprint: string
  /** Unix milliseconds. A connection may outlive its certificate: whoever trusts it asks. */
  readonly notAfterMs: number
  /** Names of the settings' authorities (`tls.clients.authorities`) that stand above it; empty: it is not believed. */
  readonly authorities: readonly string[]
  /** Why it is not believed, '' where it is: OpenSSL's word, such as `CERT_HAS_EXPIRED`. */
  readonly fault: string
  /** The line `Client-Cert` of RFC 9440 with CR LF, '' where services are not told. */
  readonly line: string
}

/** What a handshake has brought: the certificate, what the client sent with it, and OpenSSL's judgement of them ('' for none against it). */
export interface ShownCertificate {
  readonly leaf: X509Certificate
  readonly others: readonly X509Certificate[]
  readonly fault: string
}

/** More of a subject than this is not told. */
const SUBJECT_LENGTH_MAX = 200
/** Alternative names of one certificate; real ones have one or two. */
const NAMES_MAX = 100

/** What policies, records and services are told of it. */
export function describeClientCertificate(
  { leaf, others, fault }: ShownCertificate,
  authorities: Iterable<ClientAuthority>,
  isForwarded: boolean,
): ClientCertificate {
  const believed = fault === '' ? checkChain(leaf, others, authorities) : []
  return {
    subject: oneLine(leaf.subject),
    names: splitNames(leaf.subjectAltName ?? ''),
    issuer: oneLine(leaf.issuer),
    serial: leaf.serialNumber,
    fingerprint: leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
    notAfterMs: Date.parse(leaf.validTo),
    authorities: believed,
    fault: fault === '' && believed.length === 0 ? 'UNABLE_TO_GET_ISSUER_CERT' : fault,
    // Only what is believed is told on: a service cannot judge it.
    line:
      isForwarded && believed.length > 0 ? `client-cert: :${leaf.raw.toString('base64')}:\r\n` : '',
  }
}

/** Node gives a line an attribute, the most general first, with what is special behind a backslash. */
function oneLine(name: string | undefined): string {
  const text = (name ?? '').split('\n').toReversed().join(', ')
  return text.length <= SUBJECT_LENGTH_MAX ? text : `${text.slice(0, SUBJECT_LENGTH_MAX)}...`
}

/**
 * `DNS:a, URI:"with, a comma"`: Node puts what could be misread into a JSON string (CVE-2021-44532), so quotes are taken off here, and a comma within them
 * ends nothing.
 */
export function splitNames(text: string): readonly string[] {
  const entries = text.match(/(?:[^",]|"(?:[^"\\]|\\.)*")+/g) ?? []
  return entries.slice(0, NAMES_MAX).map((entry) => {
    const plain = entry.trim()
    const quoted = /^([^:"]+):("(?:[^"\\]|\\.)*")$/.exec(plain)
    return quoted === null ? plain : `${quoted[1]}:${String(JSON.parse(quoted[2]!))}`
  })
}
