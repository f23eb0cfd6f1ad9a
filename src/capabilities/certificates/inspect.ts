import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { SettingPath, SettingProblem } from '../../platform/config/problems.ts'
import { systemClock } from '../../platform/clock.ts'
import { CertificateError } from './errors.ts'
import { findPairs, type PairFiles, readPair } from './find-pairs.ts'
import { parsePair } from './parse-pair.ts'
import type { ServiceTls, TlsSettings } from './schema.ts'
import { readAuthorities, readTrusts } from './trusts.ts'

/** What of the file is looked at. */
export interface Inspected {
  readonly tls?: TlsSettings | undefined
  readonly services: Readonly<Record<string, { readonly tls: boolean | ServiceTls }>>
}

/**
 * Reads every certificate that the settings name, as a start would, and says what is wrong with which file. Stricter than a start in one thing: in a folder
 * a certificate without its key is told, which a start takes for something that is none of its business.
 */
export async function inspectCertificates(
  { tls, services }: Inspected,
  folder: string,
): Promise<readonly SettingProblem[]> {
  const nowMs = systemClock.nowMs()
  const ofServices = Object.entries(services).map(([name, service]) =>
    inspectService(name, service.tls, folder, nowMs),
  )
  const all = await Promise.all([
    ...(tls === undefined
      ? []
      : [inspectShown(tls, folder, nowMs), inspectAuthorities(tls, folder)]),
    ...ofServices,
  ])
  return all.flat()
}

async function inspectShown(
  tls: TlsSettings,
  folder: string,
  nowMs: number,
): Promise<readonly SettingProblem[]> {
  const named = tls.certificates.map(async ({ certificate, key }, index) => {
    const keyFile = resolve(folder, key)
    const pair = { certificate: resolve(folder, certificate), key: keyFile, isNamed: true }
    const error = await faultOf(pair, nowMs)
    if (error === undefined) return []
    const field = error.file === keyFile ? 'key' : 'certificate'
    return [problemOf(['tls', 'certificates', index, field], error)]
  })
  const inFolders = tls.folders.map(async (each, index) => {
    const found = await findPairs({ ...tls, certificates: [], folders: [each] }, folder)
    const faults = await Promise.all(found.pairs.map((pair) => faultInFolder(pair, nowMs)))
    const path = ['tls', 'folders', index]
    return [...found.faults, ...faults].flatMap((error) =>
      error === undefined ? [] : [problemOf(path, error)],
    )
  })
  return (await Promise.all([...named, ...inFolders])).flat()
}

async function faultInFolder(
  pair: PairFiles,
  nowMs: number,
): Promise<CertificateError | undefined> {
  if (pair.isAlone !== true) return faultOf(pair, nowMs)
  if (!(await isLeaf(pair.certificate))) return undefined
  const text = `has no key beside it: ${pair.key} does not exist`
  return new CertificateError('ERR_CERTIFICATE_KEY_MISSING', pair.certificate, text)
}

/** Of somebody who shows it, and not of an authority that lies beside. */
async function isLeaf(file: string): Promise<boolean> {
  try {
    return !new X509Certificate(await readFile(file)).ca
  } catch {
    return false
  }
}

async function faultOf(pair: PairFiles, nowMs: number): Promise<CertificateError | undefined> {
  try {
    parsePair(await readPair(pair), nowMs)
    return undefined
  } catch (error) {
    if (error instanceof CertificateError) return error
    throw error
  }
}

async function inspectAuthorities(
  tls: TlsSettings,
  folder: string,
): Promise<readonly SettingProblem[]> {
  const files: readonly (readonly [SettingPath, string])[] = [
    ...Object.entries(tls.clients?.authorities ?? {}).map(
      ([name, file]) => [['tls', 'clients', 'authorities', name], file] as const,
    ),
    ...(tls.acme?.ca === undefined ? [] : [[['tls', 'acme', 'ca'], tls.acme.ca] as const]),
  ]
  const found = files.map(async ([path, file]) => {
    try {
      await readAuthorities(resolve(folder, file))
      return []
    } catch (error) {
      if (error instanceof CertificateError) return [problemOf(path, error)]
      throw error
    }
  })
  return (await Promise.all(found)).flat()
}

async function inspectService(
  name: string,
  tls: boolean | ServiceTls,
  folder: string,
  nowMs: number,
): Promise<readonly SettingProblem[]> {
  if (typeof tls === 'boolean') return []
  const [trust] = await readTrusts(new Map([[name, tls]]), folder, nowMs)
  const error = trust?.found
  if (!(error instanceof CertificateError)) return []
  const field = (['ca', 'key', 'certificate'] as const).find((one) => {
    const file = tls[one]
    return file !== undefined && resolve(folder, file) === error.file
  })
  return [problemOf(['services', name, 'tls', field ?? 'certificate'], error)]
}

function problemOf(path: SettingPath, { code, message }: CertificateError): SettingProblem {
  return { path, code, message }
}
