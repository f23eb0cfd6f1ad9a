import type { CertificateOp } from '../../contracts/certificates.ts'
import type { Part, Prepared, Scope } from '../../platform/capability.ts'
import { watchFiles } from '../../platform/config/watch.ts'
import type { Certificates, CertificatesConfig } from './api.ts'
import { certificateMetrics, certificateProblems, registerCertificateRoutes } from './console.ts'
import { CertificateError, CertificatesUnusableError } from './errors.ts'
import { findPairs, readPair, type FoundPairs, type PairFiles } from './find-pairs.ts'
import { decideHolding, differenceOf, type Holding, type Wanted } from './held.ts'
import { parsePair } from './parse-pair.ts'

export interface CertificatesNeeds {
  /** Tells the data plane; resolves when every worker has applied it. */
  readonly publish: (ops: readonly CertificateOp[]) => Promise<unknown>
}

interface Look {
  readonly found: FoundPairs
  readonly wanted: readonly Wanted[]
}

const NOTHING: Holding = { held: [], faults: [] }
const NOTHING_FOUND: FoundPairs = { pairs: [], watched: [], faults: [] }

/** Reads the certificates that the file names, follows them, and gives them to the data plane. */
export async function startCertificates(
  first: CertificatesConfig,
  { publish }: CertificatesNeeds,
  scope: Scope,
): Promise<Part<CertificatesConfig, Certificates>> {
  const { clock, log } = scope
  let config = first
  let holding = NOTHING
  /** One look after the other. */
  let looks: Promise<unknown> = Promise.resolve()

  const begin = await lookAt(first, clock.nowMs())
  void take(begin)
  if (holding.held.length === 0 && holding.faults.length > 0) {
    throw new CertificatesUnusableError(holding.faults.map(({ error }) => error))
  }
  let followed = ''
  const watcher = watchFiles([], () => void lookAgain(), { clock })
  scope.onStop(() => watcher.close())
  follow(begin)

  /** What changes between a look and the first one of the watcher is found by one more look. */
  function follow({ found: { watched } }: Look): void {
    const files = watched.join('\0')
    if (files === followed) return
    followed = files
    watcher.setFiles(watched)
    void watcher.ready.then(lookAgain)
  }

  function take({ found, wanted }: Look): Promise<unknown> {
    const before = holding
    const next = decideHolding(before, wanted)
    const ofFolders = found.faults.map((error) => ({ error, isServed: false }))
    holding = { held: next.held, faults: [...ofFolders, ...next.faults] }
    for (const { error } of holding.faults) {
      const { code, file, message } = error
      if (!before.faults.some((known) => known.error.message === message))
        log('warn', 'a certificate cannot be used', { code, file, reason: message })
    }
    const ops = differenceOf(before, holding)
    return ops.length === 0 ? Promise.resolve() : publish(ops)
  }

  function lookAgain(): Promise<void> {
    const look = looks.then(async () => {
      const seen = await lookAt(config, clock.nowMs())
      follow(seen)
      await take(seen)
    })
    looks = look.catch((error: unknown) =>
      log('error', 'certificates could not be looked at', { error }),
    )
    return looks as Promise<void>
  }

  async function prepare(next: CertificatesConfig): Promise<Prepared> {
    const look = await lookAt(next, clock.nowMs())
    const known = new Set(holding.held.map(({ id }) => id))
    const faults = look.wanted.flatMap(({ id, isNamed, found }) =>
      isNamed && !known.has(id) && found instanceof CertificateError ? [found] : [],
    )
    if (faults.length > 0) throw new CertificatesUnusableError(faults)
    return {
      async commit() {
        config = next
        follow(look)
        await take(look)
      },
    }
  }

  const api: Certificates = { holding: () => holding }
  return {
    api,
    prepare,
    routes: [(app) => registerCertificateRoutes(app, api, clock)],
    metrics: () => certificateMetrics(holding),
    problems: () => certificateProblems(holding, clock.nowMs()),
  }
}

async function lookAt({ tls, folder }: CertificatesConfig, nowMs: number): Promise<Look> {
  if (tls === undefined) return { found: NOTHING_FOUND, wanted: [] }
  const found = await findPairs(tls, folder)
  const wanted = await Promise.all(found.pairs.map((files) => readOne(files, nowMs)))
  return { found, wanted }
}

async function readOne(files: PairFiles, nowMs: number): Promise<Wanted> {
  const { certificate, isNamed, isAlone = false } = files
  const place = {
    id: `file ${certificate}`,
    source: 'file',
    file: certificate,
    isNamed,
    isAlone,
  } as const
  try {
    return { ...place, found: parsePair(await readPair(files), nowMs) }
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error
    return { ...place, found: error }
  }
}
