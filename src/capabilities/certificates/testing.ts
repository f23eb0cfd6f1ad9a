import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A temporary folder. */
export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'backplane-certificates-'))
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 40, retryDelay: 50 }))
  return folder
}

/** Runs OpenSSL, which this project did not write. */
export async function openssl(folder: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run('openssl', args, { cwd: folder })
  return stdout
}

const KINDS = {
  ecdsa: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  rsa: ['-newkey', 'rsa:2048'],
  short: ['-newkey', 'rsa:1024'],
  ed25519: ['-newkey', 'ed25519'],
} as const

/** `name.crt` and `name.key` for a host, self-signed. */
export async function selfSigned(
  folder: string,
  name: string,
  options: {
    readonly host?: string
    readonly kind?: keyof typeof KINDS
    readonly days?: number
    readonly arguments?: readonly string[]
  } = {},
): Promise<void> {
  const { host = `${name.replaceAll('/', '-')}.example`, kind = 'ecdsa', days = 30 } = options
  const files = ['-keyout', `${name}.key`, '-out', `${name}.crt`, '-nodes', '-days', String(days)]
  const subject = ['-subj', `/O=Test/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`]
  const more = options.arguments ?? subject
  await openssl(folder, 'req', '-x509', ...KINDS[kind], ...files, ...more)
}

/** `name.crt` (with its issuer behind it) and `name.key`, signed by `issuer.crt`. */
export async function signedBy(folder: string, issuer: string, name: string): Promise<string> {
  const subject = ['-subj', `/CN=${name}.example`, '-addext', `subjectAltName=DNS:${name}.example`]
  const files = ['-keyout', `${name}.key`, '-out', `${name}.csr`, '-nodes']
  await openssl(folder, 'req', ...KINDS.ecdsa, ...files, ...subject)
  const authority = ['-CA', `${issuer}.crt`, '-CAkey', `${issuer}.key`, '-CAcreateserial']
  const output = ['-in', `${name}.csr`, '-days', '30', '-copy_extensions', 'copyall']
  return openssl(folder, 'x509', '-req', ...authority, ...output)
}
