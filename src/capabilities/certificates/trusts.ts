import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { CertificateOp, TrustSpec } from '../../contracts/certificates.ts'
import { CertificateError } from './errors.ts'
import { readPair } from './find-pairs.ts'
import type { Fault } from './held.ts'
import { parsePair } from './parse-pair.ts'
import type { ServiceTls } from './schema.ts'

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** What is wanted for one service with TLS. */
export interface WantedTrust {
  readonly service: string
  readonly found: TrustSpec | CertificateError
}

/** What each service trusts now, and what is wrong. */
export interface Trusts {
  readonly held: readonly TrustSpec[]
  readonly faults: readonly Fault[]
}

/** The files that the services' `tls` names, all absolute. */
export function trustFiles(services: ReadonlyMap<string, ServiceTls>, folder: string): string[] {
  return [...services.values()].flatMap(({ ca, certificate, key }) =>
    [ca, certificate, key].flatMap((file) => (file === undefined ? [] : [resolve(folder, file)])),
  )
}

/** Reads what each service trusts. */
export async function readTrusts(
  services: ReadonlyMap<string, ServiceTls>,
  folder: string,
  nowMs: number,
): Promise<readonly WantedTrust[]> {
  return Promise.all(
    [...services].map(async ([service, tls]) => {
      try {
        return { service, found: await readTrust(service, tls, folder, nowMs) }
      } catch (error) {
        if (!(error instanceof CertificateError)) throw error
        return { service, found: error }
      }
    }),
  )
}

async function readTrust(
  service: string,
  tls: ServiceTls,
  folder: string,
  nowMs: number,
): Promise<TrustSpec> {
  const ca = tls.ca === undefined ? '' : await readAuthorities(resolve(folder, tls.ca))
  const { certificate, key } = tls
  if (certificate === undefined || key === undefined) return { service, ca, chain: '', key: '' }
  const files = { certificate: resolve(folder, certificate), key: resolve(folder, key) }
  const pair = parsePair(await readPair({ ...files, isNamed: true }), nowMs, 'client')
  return { service, ca, chain: pair.chain, key: pair.key }
}

/** PEM of the certificates in a file. @throws CertificateError */
export async function readAuthorities(file: string): Promise<string> {
  const text = await readFile(file, 'latin1').catch((error: NodeJS.ErrnoException) => {
    const reason = `cannot be read (${error.code ?? 'unknown'})`
    throw new CertificateError('ERR_CERTIFICATE_UNREADABLE', file, reason)
  })
  const blocks = text.match(BLOCK) ?? []
  try {
    for (const block of blocks) new X509Certificate(block)
  } catch {
    throw new CertificateError('ERR_CERTIFICATE_MALFORMED', file, 'has a damaged certificate')
  }
  if (blocks.length > 0) return blocks.join('\n')
  throw new CertificateError('ERR_CERTIFICATE_MALFORMED', file, 'has no certificate in PEM form')
}

/** What cannot be used leaves what was there before. */
export function decideTrusts(before: Trusts, wanted: readonly WantedTrust[]): Trusts {
  const known = new Map(before.held.map((one) => [one.service, one]))
  const faults: Fault[] = []
  const held = wanted.flatMap(({ service, found }): TrustSpec[] => {
    if (!(found instanceof Error)) return [found]
    const old = known.get(service)
    faults.push({ error: found, isServed: old !== undefined })
    return old === undefined ? [] : [old]
  })
  return { held, faults }
}

/** What the data plane must be told. */
export function differenceOfTrusts(before: Trusts, after: Trusts): readonly CertificateOp[] {
  const old = new Map(before.held.map((one) => [one.service, JSON.stringify(one)]))
  const staying = new Set(after.held.map(({ service }) => service))
  return [
    ...after.held
      .filter((trust) => old.get(trust.service) !== JSON.stringify(trust))
      .map((trust): CertificateOp => ({ op: 'trust', trust })),
    ...[...old.keys()]
      .filter((service) => !staying.has(service))
      .map((service): CertificateOp => ({ op: 'trust-gone', service })),
  ]
}
