import type { CertificateOp } from '../../contracts/certificates.ts'
import type { Part, Prepared, Scope } from '../../platform/capability.ts'
import { watchFiles } from '../../platform/config/watch.ts'
import type { Certificates, CertificatesConfig } from './api.ts'
import { certificateMetrics, certificateProblems, registerCertificateRoutes } from './console.ts'
import { CertificateError, CertificatesUnusableError } from './errors.ts'
import { decideHolding, differenceOf, type Holding } from './held.ts'
import { trustCommand } from './local-authority.ts'
import { type Look, lookAt } from './look.ts'
import { decideTrusts, differenceOfTrusts, type Trusts } from './trusts.ts'

export interface CertificatesNeeds {
  /** Tells the data plane; resolves when every worker has applied it. */
  readonly publish: (ops: readonly CertificateOp[]) => Promise<unknown>
  /** Tells the operator, in the terminal. */
  readonly notify: (text: string, json: unknown) => void
}

const NOTHING: Holding = { held: [], faults: [] }
/** Certificates grow old without a file changing: ours are signed anew then, and others become problems. */
const LOOK_AGAIN_MS = 3_600_000

/** Reads the certificates that the file names, follows them, and gives them to the data plane. */
export async function startCertificates(
  first: CertificatesConfig,
  { publish, notify }: CertificatesNeeds,
  scope: Scope,
): Promise<Part<CertificatesConfig, Certificates>> {
  const { clock, log } = scope
  let config = first
  let holding = NOTHING
  let trusts: Trusts = { held: [], faults: [] }
  let authorityFile: string | undefined
  /** One look after the other. */
  let looks: Promise<unknown> = Promise.resolve()

  const begin = await lookAt(first, clock.nowMs())
  void take(begin)
  if (first.tls !== undefined && holding.held.length === 0) {
    throw new CertificatesUnusableError(holding.faults.map(({ error }) => error))
  }
  let followed = ''
  const watcher = watchFiles([], () => void lookAgain(), { clock })
  scope.onStop(() => watcher.close())
  scope.onStop(clock.every(LOOK_AGAIN_MS, () => void lookAgain()))
  follow(begin)

  /** What changes between a look and the first one of the watcher is found by one more look. */
  function follow({ found: { watched } }: Look): void {
    const files = watched.join('\0')
    if (files === followed) return
    followed = files
    watcher.setFiles(watched)
    void watcher.ready.then(lookAgain)
  }

  function take(look: Look): Promise<unknown> {
    const { found, wanted, authorityFile: signedBy } = look
    if (signedBy !== undefined && authorityFile === undefined) tellTrust(signedBy)
    authorityFile = signedBy
    const before = holding
    const next = decideHolding(before, wanted)
    const ofFolders = found.faults.map((error) => ({ error, isServed: false }))
    const nextTrusts = decideTrusts(trusts, look.trusts)
    const trustOps = differenceOfTrusts(trusts, nextTrusts)
    trusts = nextTrusts
    holding = { held: next.held, faults: [...ofFolders, ...next.faults, ...trusts.faults] }
    for (const { error } of holding.faults) {
      const { code, file, message } = error
      if (!before.faults.some((known) => known.error.message === message))
        log('warn', 'a certificate cannot be used', { code, file, reason: message })
    }
    const ops = [...differenceOf(before, holding), ...trustOps]
    return ops.length === 0 ? Promise.resolve() : publish(ops)
  }

  function tellTrust(file: string): void {
    const command = trustCommand(file, process.platform)
    const text = `HTTPS is signed by this data folder's own authority. To trust it: ${command}`
    notify(text, { event: 'local-authority', file, command })
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
    const trusted = new Set(trusts.held.map(({ service }) => service))
    const faults = [
      ...look.wanted.flatMap(({ id, isNamed, found }) =>
        isNamed && !known.has(id) && found instanceof CertificateError ? [found] : [],
      ),
      ...look.trusts.flatMap(({ service, found }) =>
        !trusted.has(service) && found instanceof CertificateError ? [found] : [],
      ),
    ]
    if (faults.length > 0) throw new CertificatesUnusableError(faults)
    return {
      async commit() {
        config = next
        follow(look)
        await take(look)
      },
    }
  }

  const api: Certificates = { holding: () => holding, authorityFile: () => authorityFile }
  return {
    api,
    prepare,
    routes: [(app) => registerCertificateRoutes(app, api, clock)],
    metrics: () => certificateMetrics(holding),
    problems: () => certificateProblems(holding, clock.nowMs()),
  }
}
