import { join } from 'node:path'
import type { CertificatesConfig } from './api.ts'
import { CertificateError } from './errors.ts'
import { findPairs, type FoundPairs, type PairFiles, readPair } from './find-pairs.ts'
import type { Wanted } from './held.ts'
import { LocalAuthority } from './local-authority.ts'
import { parsePair } from './parse-pair.ts'
import { openCertificateStore } from './store.ts'
import { readTrusts, trustFiles, type WantedTrust } from './trusts.ts'

/** What the file wants, and what is there. */
export interface Look {
  readonly found: FoundPairs
  readonly wanted: readonly Wanted[]
  /** The certificate to trust, where our own authority signs. */
  readonly authorityFile: string | undefined
  readonly trusts: readonly WantedTrust[]
}

const NOTHING_FOUND: FoundPairs = { pairs: [], watched: [], faults: [] }

/** Looks at every certificate that the file names, and signs our own where the file asks for one. */
export async function lookAt(config: CertificatesConfig, nowMs: number): Promise<Look> {
  const { services, folder } = config
  const shown = await lookAtShown(config, nowMs)
  const trusts = await readTrusts(services, folder, nowMs)
  const watched = [...shown.found.watched, ...trustFiles(services, folder)]
  return { ...shown, found: { ...shown.found, watched }, trusts }
}

async function lookAtShown(
  config: CertificatesConfig,
  nowMs: number,
): Promise<Omit<Look, 'trusts'>> {
  const { tls, folder } = config
  if (tls === undefined) return { found: NOTHING_FOUND, wanted: [], authorityFile: undefined }
  const found = await findPairs(tls, folder)
  const files = await Promise.all(found.pairs.map((pair) => readOne(pair, nowMs)))
  const local = tls.local ? await signOne(config, nowMs) : undefined
  return {
    found,
    wanted: local === undefined ? files : [...files, local],
    authorityFile: local?.authorityFile,
  }
}

async function readOne(files: PairFiles, nowMs: number): Promise<Wanted> {
  const { certificate, isNamed, isAlone = false } = files
  const id = `file ${certificate}`
  const place = { id, source: 'file', file: certificate, isNamed, isAlone } as const
  try {
    return { ...place, found: parsePair(await readPair(files), nowMs) }
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error
    return { ...place, found: error }
  }
}

async function signOne(
  { dataDir, hosts }: CertificatesConfig,
  nowMs: number,
): Promise<Wanted & { readonly authorityFile: string | undefined }> {
  const store = openCertificateStore(join(dataDir, 'certificates', 'local'))
  const place = { id: 'local', source: 'local', file: store.folder } as const
  const rest = { isNamed: true, isAlone: false }
  try {
    const { file, pair, authorityFile } = await new LocalAuthority(store).leafFor(hosts, nowMs)
    const { certificate, key } = pair
    const found = parsePair({ certificateFile: file, keyFile: file, certificate, key }, nowMs)
    return { ...place, ...rest, file, found, authorityFile }
  } catch (error) {
    const reason = `cannot be used: ${error instanceof Error ? error.message : String(error)}`
    const found = new CertificateError('ERR_CERTIFICATE_STORE', store.folder, reason)
    return { ...place, ...rest, found, authorityFile: undefined }
  }
}
