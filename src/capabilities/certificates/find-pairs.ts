import { readdir, readFile } from 'node:fs/promises'
import { basename, extname, join, resolve } from 'node:path'
import { CertificateError } from './errors.ts'
import type { PairText } from './parse-pair.ts'
import type { TlsSettings } from './schema.ts'

/** A file of a certificate or key is at most this long. */
const FILE_BYTES_MAX = 256 * 1024
/** Certificates of all folders together; beyond it the rest is not read. */
export const PAIRS_MAX = 10_000
/** Names of a pair in a folder of its own, as certbot and Kubernetes write them. */
const NAMES_IN_FOLDER = [
  ['fullchain.pem', 'privkey.pem'],
  ['tls.crt', 'tls.key'],
] as const

/** Where a certificate and its key are. */
export interface PairFiles {
  readonly certificate: string
  readonly key: string
  /** The file of the configuration names it, and not only a folder in which it was found. */
  readonly isNamed: boolean
  /** There is no key beside it: it is no pair, or one that is half written. */
  readonly isAlone?: true
}

/** What was found. */
export interface FoundPairs {
  readonly pairs: readonly PairFiles[]
  /** Files and folders whose change may change anything of it. */
  readonly watched: readonly string[]
  readonly faults: readonly CertificateError[]
}

/** The pairs that the settings name, in their order, then those in the folders by name. Nothing of the pairs is read. */
export async function findPairs(settings: TlsSettings, base: string): Promise<FoundPairs> {
  const named = settings.certificates.map(({ certificate, key }) => ({
    certificate: resolve(base, certificate),
    key: resolve(base, key),
    isNamed: true,
  }))
  const folders = await Promise.all(
    settings.folders.map((folder) => findInFolder(resolve(base, folder))),
  )
  const pairs = [...named, ...folders.flatMap((found) => found.pairs)].slice(0, PAIRS_MAX)
  return {
    pairs,
    watched: [
      ...folders.flatMap(({ watched }) => watched),
      ...pairs.flatMap(({ certificate, key }) => [certificate, key]),
    ],
    faults: folders.flatMap(({ faults }) => faults),
  }
}

/** Of a folder that cannot be read: the fault, and a watch for its coming. */
async function findInFolder(folder: string): Promise<FoundPairs> {
  // The folder by a path below it: so it is watched itself, and not only the one above it.
  const itself = `${folder}/.`
  try {
    const entries = await readdir(folder, { withFileTypes: true })
    const names = new Set(entries.map(({ name }) => name))
    const beside = [...names].flatMap((name): PairFiles[] => {
      const extension = extname(name)
      if (extension !== '.crt' && extension !== '.pem') return []
      const key = `${basename(name, extension)}.key`
      const pair = { certificate: join(folder, name), key: join(folder, key), isNamed: false }
      return [names.has(key) ? pair : { ...pair, isAlone: true }]
    })
    const below = await Promise.all(
      entries
        .filter((entry) => !entry.isFile() && !entry.name.startsWith('.'))
        .map(({ name }) => findInSubfolder(join(folder, name))),
    )
    const pairs = [...beside, ...below.flat()].toSorted((a, b) =>
      a.certificate < b.certificate ? -1 : 1,
    )
    return { pairs, watched: [itself], faults: [] }
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown'
    const text = `is a folder of tls.folders and cannot be read (${reason})`
    const fault = new CertificateError('ERR_CERTIFICATE_UNREADABLE', folder, text)
    return { pairs: [], watched: [itself, folder], faults: [fault] }
  }
}

async function findInSubfolder(folder: string): Promise<readonly PairFiles[]> {
  const names = new Set(await readdir(folder).catch(() => []))
  return NAMES_IN_FOLDER.filter(([one, other]) => names.has(one) && names.has(other)).map(
    ([certificate, key]) => ({
      certificate: join(folder, certificate),
      key: join(folder, key),
      isNamed: false,
    }),
  )
}

/**
 * The text of both files. @throws CertificateError
 */
export async function readPair({ certificate, key }: PairFiles): Promise<PairText> {
  return {
    certificateFile: certificate,
    keyFile: key,
    certificate: await readText(certificate),
    key: await readText(key),
  }
}

async function readText(file: string): Promise<string> {
  const code = 'ERR_CERTIFICATE_UNREADABLE'
  try {
    const bytes = await readFile(file)
    if (bytes.length > FILE_BYTES_MAX) {
      throw new CertificateError(
        code,
        file,
        `is ${bytes.length} bytes long; at most ${FILE_BYTES_MAX} are read`,
      )
    }
    return bytes.toString('latin1')
  } catch (error) {
    if (error instanceof CertificateError) throw error
    const reason = (error as NodeJS.ErrnoException).code
    if (reason === 'ENOENT') throw new CertificateError(code, file, 'does not exist')
    throw new CertificateError(
      code,
      file,
      `cannot be read (${reason ?? 'unknown'}); check its permissions`,
    )
  }
}
