// The decorators of the library look for it; it must be loaded before the library.
import 'reflect-metadata'
import { createHash, webcrypto } from 'node:crypto'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  Extension,
  PemConverter,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'

const KEY = { name: 'ECDSA', namedCurve: 'P-256' } as const
const SIGNATURE = { name: 'ECDSA', hash: 'SHA-256' } as const
/** RFC 8737 section 6.1. */
const ACME_IDENTIFIER = '1.3.6.1.5.5.7.1.31'
/** DER: a text of 32 bytes. */
const OCTETS_OF_SHA256 = [0x04, 0x20]
/** It is shown for seconds, to an authority whose clock may differ. */
const LIFE_MS = 86_400_000

/** The request for a certificate of one host (RFC 2986), base64url of DER, signed with the key that it will be for. */
export async function makeRequest(host: string, keyPem: string): Promise<string> {
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: [],
    keys: await pairOf(keyPem),
    signingAlgorithm: SIGNATURE,
    extensions: [new SubjectAlternativeNameExtension([{ type: 'dns', value: host }])],
  })
  return Buffer.from(request.rawData).toString('base64url')
}

/** The certificate that an authority wants to see for tls-alpn-01 (RFC 8737 section 3): it carries the SHA-256 of the key authorization. PEM. */
export async function makeProof(
  host: string,
  keyAuthorization: string,
  nowMs: number,
): Promise<{ readonly chain: string; readonly key: string }> {
  const keys = await webcrypto.subtle.generateKey(KEY, true, ['sign', 'verify'])
  const digest = createHash('sha256').update(keyAuthorization).digest()
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: [{ CN: ['ACME challenge'] }],
    notBefore: new Date(nowMs - LIFE_MS),
    notAfter: new Date(nowMs + LIFE_MS),
    signingAlgorithm: SIGNATURE,
    keys,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new SubjectAlternativeNameExtension([{ type: 'dns', value: host }]),
      new Extension(ACME_IDENTIFIER, true, Buffer.from([...OCTETS_OF_SHA256, ...digest])),
    ],
  })
  const der = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return {
    chain: `${certificate.toString('pem')}\n`,
    key: `${PemConverter.encode(der, 'PRIVATE KEY')}\n`,
  }
}

/** How a certificate is named when its renewal is asked about (RFC 9773 section 4.1); undefined where it does not say who signed it. */
export function renewalName(chain: string): string | undefined {
  const leaf = new X509Certificate(chain)
  const issuer = leaf.getExtension(AuthorityKeyIdentifierExtension)?.keyId
  if (issuer === undefined) return undefined
  const serial = Buffer.from(leaf.serialNumber, 'hex')
  // In DER a number is negative that begins with a bit of one.
  const signed = (serial[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), serial]) : serial
  return `${Buffer.from(issuer, 'hex').toString('base64url')}.${signed.toString('base64url')}`
}

async function pairOf(pem: string): Promise<webcrypto.CryptoKeyPair> {
  const der = PemConverter.decodeFirst(pem)
  const privateKey = await webcrypto.subtle.importKey('pkcs8', der, KEY, true, ['sign'])
  const { d: _secret, key_ops: _uses, ...jwk } = await webcrypto.subtle.exportKey('jwk', privateKey)
  const publicKey = await webcrypto.subtle.importKey('jwk', jwk, KEY, true, ['verify'])
  return { privateKey, publicKey }
}
