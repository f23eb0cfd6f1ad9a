import type { CertificateOp } from '../../../contracts/certificates.ts'
import type { Clock, Log, Random } from '../../../platform/capability.ts'
import { CertificateError } from '../errors.ts'
import type { CertificateStore } from '../store.ts'
import { ProblemError } from '../../../platform/problem.ts'
import { AcmeError } from './acme-error.ts'
import { type OpenAuthority, openAuthority } from './authority.ts'
import { obtainCertificate } from './obtain.ts'
import { OrderBook } from './order-book.ts'
import { type HostMemory, newMemory, readMemory, writeMemory } from './host-memory.ts'
import { askWindow } from './renewal-info.ts'
import { dueAt, waitAfter } from './schedule.ts'
import type { AcmeSettings } from '../schema.ts'

/** A clock may be put forward, and a machine sleep. */
const LOOK_MS_MAX = 3_600_000
/** An order that cannot be brought to its end is given up after so many tries. */
const ORDER_TRIES_MAX = 5

/** What is wanted. */
export interface AcmeConfig {
  readonly settings: AcmeSettings
  readonly hosts: readonly string[]
  /** What `settings.ca` is relative to. */
  readonly folder: string
}

/** What keeping certificates needs. */
export interface AcmeGround {
  readonly store: CertificateStore
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly stopping: AbortSignal
  /** Resolves when every worker of the data plane has applied it. */
  readonly publish: (ops: readonly CertificateOp[]) => Promise<unknown>
  /** A new certificate is on the disk; resolves when it is in service. */
  readonly changed: () => Promise<void>
}

/** One host, for people. */
export interface AcmeView {
  readonly host: string
  readonly directory: string
  readonly hasCertificate: boolean
  /** What it is at; '' for nothing. */
  readonly step: string
  readonly failures: number
  /** When something is done for it next. Unix milliseconds. */
  readonly nextMs: number
  /** What the authority suggests (RFC 9773). */
  readonly window: HostMemory['window'] | null
  /** Of the last try, where it failed. */
  readonly fault: NonNullable<HostMemory['fault']> | null
}

/** What has come of orders since the start. */
export interface AcmeCounts {
  begun: number
  issued: number
  failed: number
}

/** Gets certificates and renews them: one host after the other, each from where it stands. */
export class AcmeKeeper {
  readonly counts: AcmeCounts = { begun: 0, issued: 0, failed: 0 }
  readonly #ground: AcmeGround
  readonly #orders: OrderBook
  #config: AcmeConfig | undefined
  readonly #memories = new Map<string, HostMemory>()
  readonly #steps = new Map<string, string>()
  #isBusy = false
  #cancel: () => void = () => {}

  constructor(ground: AcmeGround) {
    this.#ground = ground
    this.#orders = new OrderBook(ground.store)
    ground.stopping.addEventListener('abort', () => this.#cancel())
  }

  /** From now on these are wanted; undefined: none. What is under way for others comes to its end. */
  async configure(config: AcmeConfig | undefined): Promise<void> {
    this.#config = config
    for (const host of config?.hosts ?? []) {
      if (this.#memories.has(host)) continue
      const known = await readMemory(this.#ground.store, host)
      this.#memories.set(host, known ?? newMemory(config!.settings.directory))
    }
    this.#arm()
  }

  views(): readonly AcmeView[] {
    const config = this.#config
    return (config?.hosts ?? []).flatMap((host): AcmeView[] => {
      const memory = this.#memories.get(host)
      if (memory === undefined) return []
      const { directory } = config!.settings
      return [
        {
          host,
          directory,
          hasCertificate: memory.certificate !== undefined,
          step: this.#steps.get(host) ?? '',
          failures: memory.failures,
          nextMs: dueAt(memory, directory),
          window: memory.window ?? null,
          fault: memory.fault ?? null,
        },
      ]
    })
  }

  /** Somebody has mended what was wrong: what failed is tried now, unless the authority has said when it may be. @throws ProblemError */
  async tryNow(host: string): Promise<void> {
    const memory = this.#config?.hosts.includes(host) ? this.#memories.get(host) : undefined
    const { clock } = this.#ground
    if (memory?.fault === undefined) {
      const text = `no certificate of an authority has failed for ${host}; GET /api/v1/certificates lists those that have`
      throw new ProblemError(404, 'ERR_CERTIFICATE_ACME_NOT_FAILED', text)
    }
    if (memory.fault.retryAtMs > clock.nowMs()) {
      const when = new Date(memory.fault.retryAtMs).toISOString()
      const text = `${host} may be asked for again at ${when}, and not before`
      throw new ProblemError(409, 'ERR_CERTIFICATE_ACME_LIMITED', text)
    }
    await this.#keep(host, { ...memory, tryAtMs: clock.nowMs() })
    this.#arm()
  }

  /** The one timer: for what is due first. */
  #arm(): void {
    this.#cancel()
    const { clock, stopping } = this.#ground
    if (this.#isBusy || stopping.aborted || this.#config === undefined) return
    const due = Math.min(...this.#wanted().map((host) => this.#dueAt(host)))
    const waitMs = Math.min(Math.max(due - clock.nowMs(), 0), LOOK_MS_MAX)
    this.#cancel = clock.after(waitMs, () => void this.#serveAll())
  }

  #wanted(): readonly string[] {
    return (this.#config?.hosts ?? []).filter((host) => this.#memories.has(host))
  }

  #dueAt(host: string): number {
    const memory = this.#memories.get(host)!
    const due = dueAt(memory, this.#config!.settings.directory)
    return memory.certificate === undefined ? due : Math.min(due, memory.askAtMs)
  }

  /** Each that is due, once: whatever comes of it, its next time is later. */
  async #serveAll(): Promise<void> {
    this.#isBusy = true
    let authority: OpenAuthority | undefined
    try {
      for (const host of this.#wanted()) {
        const config = this.#config
        if (config === undefined || this.#ground.stopping.aborted) break
        if (!this.#memories.has(host) || this.#dueAt(host) > this.#ground.clock.nowMs()) continue
        authority = await this.#serve(host, config, authority)
      }
    } finally {
      this.#isBusy = false
      this.#arm()
    }
  }

  /** The authority as it was opened for the first host of a round, for the next one. */
  async #serve(
    host: string,
    config: AcmeConfig,
    opened: OpenAuthority | undefined,
  ): Promise<OpenAuthority | undefined> {
    const { directory } = config.settings
    let authority = opened
    try {
      authority ??= await openAuthority({ ...this.#ground, ...config })
      await this.#ask(host, directory, authority)
      if (dueAt(this.#memories.get(host)!, directory) > this.#ground.clock.nowMs()) return authority
      await this.#obtain(host, config, authority)
      return authority
    } catch (error) {
      if (!this.#ground.stopping.aborted) await this.#fail(host, directory, error)
      return undefined
    } finally {
      this.#steps.delete(host)
    }
  }

  /** What the authority suggests; that it does not answer is no fault of the certificate. */
  async #ask(host: string, directory: string, authority: OpenAuthority): Promise<void> {
    const memory = this.#memories.get(host)!
    const { clock, random } = this.#ground
    if (memory.certificate === undefined || memory.askAtMs > clock.nowMs()) return
    const asked = await askWindow(authority.session, memory, clock.nowMs(), random)
    const isWanted = dueAt({ ...asked, tryAtMs: 0 }, directory) <= clock.nowMs()
    // What failed while nothing was to be renewed is over.
    const { fault: _over, ...rest } = asked
    await this.#keep(host, isWanted ? asked : { ...rest, failures: 0 })
  }

  async #obtain(host: string, config: AcmeConfig, authority: OpenAuthority): Promise<void> {
    const { log, changed } = this.#ground
    const before = this.#memories.get(host)!
    const after = await obtainCertificate({
      ...this.#ground,
      host,
      settings: config.settings,
      authority,
      memory: before,
      orders: this.#orders,
      begun: () => this.counts.begun++,
      step: (step) => void this.#steps.set(host, step),
      keep: (memory) => this.#keep(host, memory),
    })
    await this.#keep(host, after)
    this.counts.issued++
    log('info', 'a certificate was issued', { host, directory: config.settings.directory })
    await changed()
  }

  async #fail(host: string, directory: string, error: unknown): Promise<void> {
    const { clock, random, log } = this.#ground
    const memory = this.#memories.get(host)!
    const nowMs = clock.nowMs()
    const retryAtMs = error instanceof AcmeError ? error.retryAtMs : 0
    const fault = { ...describe(error), atMs: nowMs, retryAtMs }
    const failures = memory.failures + 1
    const tryAtMs = Math.max(nowMs + waitAfter(failures, random), retryAtMs)
    const { order, ...rest } = memoryAt(memory, directory)
    // Also its suggestion is not asked for sooner: it may be the authority that cannot be asked.
    const askAtMs = Math.max(rest.askAtMs, tryAtMs)
    const kept =
      order === undefined || isLost(error, order.tries) ? {} : { order: triedOnce(order) }
    this.counts.failed++
    log('warn', 'no certificate was issued', { host, code: fault.code, reason: fault.text })
    try {
      await this.#keep(host, { ...rest, ...kept, failures, tryAtMs, askAtMs, fault })
    } catch (unkept) {
      log('error', 'what is known of a certificate cannot be kept', { host, error: unkept })
    }
  }

  /** In memory at once: also where the disk refuses, nothing is tried again at once. */
  async #keep(host: string, memory: HostMemory): Promise<void> {
    this.#memories.set(host, memory)
    await writeMemory(this.#ground.store, host, memory)
  }
}

/** What counts with an authority: of another one the certificate, which is in service until there is a new one, and nothing else. */
function memoryAt(memory: HostMemory, directory: string): HostMemory {
  const { certificate } = memory
  if (memory.directory === directory) return memory
  return { ...newMemory(directory), ...(certificate === undefined ? {} : { certificate }) }
}

function triedOnce(order: NonNullable<HostMemory['order']>): NonNullable<HostMemory['order']> {
  return { ...order, tries: order.tries + 1 }
}

/** What was refused is refused again. */
function isLost(error: unknown, tries: number): boolean {
  if (tries + 1 >= ORDER_TRIES_MAX) return true
  if (!(error instanceof AcmeError)) return false
  return error.isOrderLost || error.code === 'ERR_CERTIFICATE_ACME_REFUSED'
}

function describe(error: unknown): { readonly code: string; readonly text: string } {
  if (error instanceof AcmeError || error instanceof CertificateError) {
    return { code: error.code, text: error.message }
  }
  const reason = error instanceof Error ? error.message : String(error)
  return { code: 'ERR_CERTIFICATE_STORE', text: `cannot be kept: ${reason}` }
}
