import { execFileSync } from 'node:child_process'
import { readFileSync, mkdtempSync, rmSync } from 'node:fs'
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
