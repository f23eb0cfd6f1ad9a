import type { CertificateOp } from '../../contracts/certificates.ts'
import type { Part, Prepared, Scope } from '../../platform/capability.ts'
import { watchFiles } from '../../platform/config/watch.ts'
import { AcmeKeeper, type AcmeConfig } from './acme/keeper.ts'
import { acmeHosts } from './acme/hosts.ts'
import type { Certificates, CertificatesConfig } from './api.ts'
import { certificateMetrics, certificateProblems, registerCertificateRoutes } from './console.ts'
import { CertificatesUnusableError } from './errors.ts'
import { decideInService, newFaults, NOTHING_IN_SERVICE } from './in-service.ts'
import { trustCommand } from './local-authority.ts'
import { type Look, lookAt } from './look.ts'
import { acmeStore } from './store.ts'

export interface CertificatesNeeds {
  /** Tells the data plane; resolves when every worker has applied it. */
  readonly publish: (ops: readonly CertificateOp[]) => Promise<unknown>
  /** Tells the operator, in the terminal. */
  readonly notify: (text: string, json: unknown) => void
}

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
  let inService = NOTHING_IN_SERVICE
  let authorityFile: string | undefined
  /** One look after the other. */
  let looks: Promise<unknown> = Promise.resolve()

  const begin = await lookAt(first, clock.nowMs())
  void take(begin)
  // An authority is asked once clients can come in.
  const isServed = first.tls?.acme !== undefined || inService.holding.held.length > 0
  if (first.tls !== undefined && !isServed) {
    throw new CertificatesUnusableError(inService.holding.faults.map(({ error }) => error))
  }
  let followed = ''
  const watcher = watchFiles([], () => void lookAgain(), { clock })
  scope.onStop(() => watcher.close())
  scope.onStop(clock.every(LOOK_AGAIN_MS, () => void lookAgain()))
  follow(begin)
  const store = acmeStore(first.dataDir)
  const keeper = new AcmeKeeper({ ...scope, store, publish, changed: () => lookAgain() })
  await keeper.configure(acmeConfig(first))

  /** What changes between a look and the first one of the watcher is found by one more look. */
  function follow({ found: { watched } }: Look): void {
    const files = watched.join('\0')
    if (files === followed) return
    followed = files
    watcher.setFiles(watched)
    void watcher.ready.then(lookAgain)
  }

  function take(look: Look): Promise<unknown> {
    const { authorityFile: signedBy } = look
    if (signedBy !== undefined && authorityFile === undefined) tellTrust(signedBy)
    authorityFile = signedBy
    const before = inService.holding.faults
    const { after, ops } = decideInService(inService, look)
    inService = after
    for (const { error } of after.holding.faults) {
      const { code, file, message } = error
      if (!before.some((known) => known.error.message === message))
        log('warn', 'a certificate cannot be used', { code, file, reason: message })
    }
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
    const faults = newFaults(inService, look)
    if (faults.length > 0) throw new CertificatesUnusableError(faults)
    return {
      async commit() {
        config = next
        follow(look)
        await take(look)
        await keeper.configure(acmeConfig(next))
      },
    }
  }

  const api: Certificates = {
    holding: () => inService.holding,
    issuing: () => keeper.views(),
    tryNow: (host) => keeper.tryNow(host),
    authorityFile: () => authorityFile,
  }
  return {
    api,
    prepare,
    routes: [(app) => registerCertificateRoutes(app, api, clock)],
    metrics: () => certificateMetrics(api, keeper.counts),
    problems: () => certificateProblems(api, clock.nowMs()),
  }
}

function acmeConfig({ tls, hosts, folder }: CertificatesConfig): AcmeConfig | undefined {
  const settings = tls?.acme
  return settings && { settings, hosts: acmeHosts(settings.hosts, hosts), folder }
}
