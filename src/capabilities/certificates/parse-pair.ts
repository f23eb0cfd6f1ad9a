import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { CertificateSpec } from '../../contracts/certificates.ts'
import { CertificateError, type CertificateFault } from './errors.ts'

/** Certificates of one chain; real ones have two or three. */
const CHAIN_MAX = 16
const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** The text of both files, and what they are called. */
export interface PairText {
  readonly certificateFile: string
  readonly keyFile: string
  readonly certificate: string
  readonly key: string
}

/** A certificate that can be used, with what people want to know of it. */
export interface UsableCertificate {
  readonly names: readonly string[]
  readonly keyType: CertificateSpec['keyType']
  readonly chain: string
  readonly key: string
  readonly subject: string
  readonly issuer: string
  readonly serial: string
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

/**
 * Looks at everything that would make a handshake fail. A client needs no host name.
 * @throws CertificateError with the file and the reason
 */
export function parsePair(
  text: PairText,
  nowMs: number,
  role: 'server' | 'client' = 'server',
): UsableCertificate {
  const file = text.certificateFile
  const chain = parseChain(text)
  const leaf = chain[0]!
  const key = parseKey(text)
  if (!leaf.checkPrivateKey(key)) {
    fail('ERR_CERTIFICATE_KEY_MISMATCH', text.keyFile, `is not the key of ${file}`)
  }
  const [notBeforeMs, notAfterMs] = [Date.parse(leaf.validFrom), Date.parse(leaf.validTo)]
  if (notAfterMs <= nowMs) {
    fail('ERR_CERTIFICATE_EXPIRED', file, `has expired on ${dayOf(notAfterMs)}`)
  }
  if (notBeforeMs > nowMs) {
    fail('ERR_CERTIFICATE_NOT_YET_VALID', file, `is not valid before ${dayOf(notBeforeMs)}`)
  }
  checkChain(chain, file)
  const names = namesOf(leaf)
  if (names.length === 0 && role === 'server')
    fail('ERR_CERTIFICATE_NO_NAME', file, 'is for no host name')
  const pem = chain.map((one) => one.toString()).join('')
  checkUse(pem, text)
  return {
    names,
    keyType: keyTypeOf(key, text),
    chain: pem,
    key: text.key,
    subject: oneLine(leaf.subject) || (names[0] ?? ''),
    issuer: oneLine(leaf.issuer),
    serial: leaf.serialNumber,
    notBeforeMs,
    notAfterMs,
  }
}

function parseChain({ certificate, certificateFile }: PairText): readonly X509Certificate[] {
  const blocks = certificate.match(BLOCK) ?? []
  if (blocks.length === 0) {
    fail('ERR_CERTIFICATE_MALFORMED', certificateFile, 'has no certificate in PEM form')
  }
  if (blocks.length > CHAIN_MAX) {
    const reason = `has ${blocks.length} certificates; a chain has at most ${CHAIN_MAX}`
    fail('ERR_CERTIFICATE_MALFORMED', certificateFile, reason)
  }
  return blocks.map((block, at) => {
    try {
      return new X509Certificate(block)
    } catch {
      const reason = `cannot be read: its certificate number ${at + 1} is damaged`
      return fail('ERR_CERTIFICATE_MALFORMED', certificateFile, reason)
    }
  })
}

function parseKey({ key, keyFile }: PairText): KeyObject {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(key)) {
    const reason = 'is protected by a passphrase; take it off (openssl pkey -in KEY -out KEY)'
    fail('ERR_CERTIFICATE_KEY_UNUSABLE', keyFile, reason)
  }
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(key)) {
    fail('ERR_CERTIFICATE_KEY_MISSING', keyFile, 'has no private key in PEM form')
  }
  try {
    return createPrivateKey(key)
  } catch {
    return fail('ERR_CERTIFICATE_KEY_UNUSABLE', keyFile, 'has a private key that cannot be read')
  }
}

function keyTypeOf(key: KeyObject, { keyFile }: PairText): CertificateSpec['keyType'] {
  const type = key.asymmetricKeyType ?? 'secret'
  if (type === 'rsa') return 'rsa'
  if (type === 'ec') return 'ecdsa'
  const reason = `is a key of type ${type}; browsers take ECDSA and RSA`
  return fail('ERR_CERTIFICATE_KEY_UNUSABLE', keyFile, reason)
}

/** Each certificate signs the one before it (RFC 8446 section 4.4.2 allows others, and some clients do not). */
function checkChain(chain: readonly X509Certificate[], file: string): void {
  for (let at = 1; at < chain.length; at++) {
    const [before, issuer] = [chain[at - 1]!, chain[at]!]
    if (before.checkIssued(issuer) && before.verify(issuer.publicKey)) continue
    const reason = `has a broken chain: certificate number ${at + 1} did not sign number ${at}; put the certificate first, then each one's issuer`
    fail('ERR_CERTIFICATE_CHAIN_BROKEN', file, reason)
  }
}

/** The last word: what OpenSSL would refuse in a handshake, such as keys that are too short. */
function checkUse(chain: string, { certificateFile, key }: PairText): void {
  try {
    createSecureContext({ cert: chain, key })
  } catch (error) {
    const { reason = 'unknown' } = error as { readonly reason?: string }
    fail('ERR_CERTIFICATE_REFUSED', certificateFile, `is refused by OpenSSL: ${reason}`)
  }
}

/** Host names and addresses that it is for; of an old one without such names its common name. */
export function namesOf(leaf: X509Certificate): readonly string[] {
  const found = (leaf.subjectAltName ?? '')
    .split(', ')
    .map((entry) => /^(?:DNS|IP Address):([A-Za-z0-9*._:-]+)$/.exec(entry)?.[1])
    .filter((name) => name !== undefined)
  if (found.length > 0) return found.map(plainName)
  const common = /^CN=([A-Za-z0-9*._-]+)$/m.exec(leaf.subject)?.[1]
  return leaf.subjectAltName === undefined && common !== undefined ? [plainName(common)] : []
}

/** Node writes IPv6 in capitals and without the short form. */
function plainName(name: string): string {
  return name.toLowerCase()
}

function oneLine(name: string | undefined): string {
  return (name ?? '').split('\n').toReversed().join(', ')
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace('T', ' ')
}

function fail(code: CertificateFault, file: string, reason: string): never {
  throw new CertificateError(code, file, reason)
}
