import { join } from 'node:path'
import type { CertificatesConfig } from './api.ts'
import {
  authorityFiles,
  readClientAuthorities,
  type WantedAuthority,
} from './client-authorities.ts'
import { CertificateError } from './errors.ts'
import { findPairs, type FoundPairs, type PairFiles, readPair } from './find-pairs.ts'
import type { Wanted } from './held.ts'
import { LocalAuthority } from './local-authority.ts'
import { parsePair } from './parse-pair.ts'
import { acmeHosts } from './acme/hosts.ts'
import { memoryFile, readMemory } from './acme/host-memory.ts'
import { acmeStore, type CertificateStore, openCertificateStore } from './store.ts'
import { readTrusts, trustFiles, type WantedTrust } from './trusts.ts'

/** What the file wants, and what is there. */
export interface Look {
  readonly found: FoundPairs
  readonly wanted: readonly Wanted[]
  /** The certificate to trust, where our own authority signs. */
  readonly authorityFile: string | undefined
  readonly trusts: readonly WantedTrust[]
  /** Who signs certificates of clients. */
  readonly authorities: readonly WantedAuthority[]
}

const NOTHING_FOUND: FoundPairs = { pairs: [], watched: [], faults: [] }

/** Looks at every certificate that the file names, and signs our own where the file asks for one. */
export async function lookAt(config: CertificatesConfig, nowMs: number): Promise<Look> {
  const { services, folder, tls } = config
  const shown = await lookAtShown(config, nowMs)
  const trusts = await readTrusts(services, folder, nowMs)
  const authorities = await readClientAuthorities(tls, folder)
  const files = [...trustFiles(services, folder), ...authorityFiles(tls, folder)]
  const watched = [...shown.found.watched, ...files]
  return { ...shown, found: { ...shown.found, watched }, trusts, authorities }
}

async function lookAtShown(
  config: CertificatesConfig,
  nowMs: number,
): Promise<Omit<Look, 'trusts' | 'authorities'>> {
  const { tls, folder } = config
  if (tls === undefined) return { found: NOTHING_FOUND, wanted: [], authorityFile: undefined }
  const found = await findPairs(tls, folder)
  const files = await Promise.all(found.pairs.map((pair) => readOne(pair, nowMs)))
  const issued = await readIssued(config, nowMs)
  const local = tls.local ? await signOne(config, nowMs) : undefined
  return {
    found,
    wanted: [...files, ...issued, ...(local === undefined ? [] : [local])],
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

/** Those that an authority has issued; what it has not is no fault of these. */
async function readIssued(
  { tls, dataDir, hosts }: CertificatesConfig,
  nowMs: number,
): Promise<readonly Wanted[]> {
  if (tls?.acme === undefined) return []
  const store = acmeStore(dataDir)
  const names = acmeHosts(tls.acme.hosts, hosts)
  const found = await Promise.all(names.map((host) => readIssuedOne(store, host, nowMs)))
  return found.flat()
}

async function readIssuedOne(
  store: CertificateStore,
  host: string,
  nowMs: number,
): Promise<readonly Wanted[]> {
  const file = join(store.folder, memoryFile(host))
  const place = {
    id: `acme ${host}`,
    source: 'acme',
    file,
    isNamed: false,
    isAlone: false,
  } as const
  try {
    const pair = (await readMemory(store, host))?.certificate
    if (pair === undefined) return []
    const text = { certificateFile: file, keyFile: file, certificate: pair.chain, key: pair.key }
    return [{ ...place, found: parsePair(text, nowMs) }]
  } catch (error) {
    return [{ ...place, found: storeFault(error, file) }]
  }
}

function storeFault(error: unknown, file: string): CertificateError {
  if (error instanceof CertificateError) return error
  const reason = `cannot be used: ${error instanceof Error ? error.message : String(error)}`
  return new CertificateError('ERR_CERTIFICATE_STORE', file, reason)
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
    const found = storeFault(error, store.folder)
    return { ...place, ...rest, found, authorityFile: undefined }
  }
}
