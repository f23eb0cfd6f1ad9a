import { execFileSync } from 'node:child_process'
import { readFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CertificateSpec, TlsSpec } from '../../contracts/certificates.ts'

/** Generous limits. */
export const tlsSpec: TlsSpec = {
  versionMin: 'TLSv1.2',
  handshakesMax: 1_000,
  handshakeTimeoutMs: 10_000,
  contextsMax: 100,
}

/** Self-signed certificates, made by OpenSSL: the first name is the common name. */
export function makeCertificate(
  names: readonly string[],
  change: Partial<CertificateSpec> & { readonly days?: number } = {},
): CertificateSpec {
  const { days = 30, ...rest } = change
  const keyType = rest.keyType ?? 'ecdsa'
  const folder = mkdtempSync(join(tmpdir(), 'backplane-certificate-'))
  const isAddress = (name: string): boolean => /^[\d.]+$|:/.test(name)
  const alternatives = names.map((name) => `${isAddress(name) ? 'IP' : 'DNS'}:${name}`)
  const kind = keyType === 'rsa' ? ['rsa:2048'] : ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
  try {
    const subject = [
      '-subj',
      `/CN=${names[0]}`,
      '-addext',
      `subjectAltName=${alternatives.join(',')}`,
    ]
    const files = ['-keyout', 'key.pem', '-out', 'chain.pem']
    const request = ['req', '-x509', '-newkey', ...kind, '-nodes', '-days', String(days)]
    execFileSync('openssl', [...request, ...files, ...subject], { cwd: folder, stdio: 'ignore' })
    return {
      id: `${keyType} ${names[0]}`,
      names,
      keyType,
      chain: readFileSync(join(folder, 'chain.pem'), 'utf8'),
      key: readFileSync(join(folder, 'key.pem'), 'utf8'),
      isDefault: false,
      ...rest,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** PEM: a certificate, what it was signed by behind it, and its key. */
export interface SignedSpec {
  readonly chain: string
  readonly key: string
}

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

/** An authority; below another one where `issuer` is given. */
export function makeAuthority(name: string, issuer?: SignedSpec): SignedSpec {
  return makeSigned(`/O=${name}/CN=${name}`, issuer, 30, [
    'basicConstraints=critical,CA:TRUE',
    'keyUsage=critical,keyCertSign',
  ])
}

/** A certificate of a client, with these alternative names. `days` may be negative: then it has expired. */
export function makeClient(
  issuer: SignedSpec,
  subject: string,
  options: { readonly names?: readonly string[]; readonly days?: number } = {},
): SignedSpec {
  const { names = [], days = 30 } = options
  return makeSigned(subject, issuer, days, [
    'basicConstraints=CA:FALSE',
    'extendedKeyUsage=clientAuth',
    ...(names.length === 0 ? [] : [`subjectAltName=${names.join(',')}`]),
  ])
}

function makeSigned(
  subject: string,
  issuer: SignedSpec | undefined,
  days: number,
  extensions: readonly string[],
): SignedSpec {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-certificate-'))
  const run = (...args: readonly string[]): void =>
    void execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' })
  const read = (file: string): string => readFileSync(join(folder, file), 'utf8')
  try {
    writeFileSync(join(folder, 'extensions'), `[all]\n${extensions.join('\n')}\n`)
    run('req', '-new', ...EC, '-subj', subject, '-keyout', 'key.pem', '-out', 'request.pem')
    const signer =
      issuer === undefined
        ? ['-signkey', 'key.pem']
        : ['-CA', 'issuer.pem', '-CAkey', 'issuer.key', '-CAcreateserial']
    if (issuer !== undefined) {
      writeFileSync(join(folder, 'issuer.pem'), issuer.chain)
      writeFileSync(join(folder, 'issuer.key'), issuer.key)
    }
    const kind = ['-extfile', 'extensions', '-extensions', 'all', '-days', String(days)]
    run('x509', '-req', '-in', 'request.pem', ...signer, ...kind, '-out', 'chain.pem')
    return { chain: read('chain.pem') + (issuer?.chain ?? ''), key: read('key.pem') }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
