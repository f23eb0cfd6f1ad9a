import { connect } from 'node:net'
import { parseAddress } from '../../mechanisms/cidr/address.ts'
import type { Clock } from '../../platform/capability.ts'
import { isLoopbackHost } from '../../platform/config/addresses.ts'
import type { Instance } from '../discovery/model.ts'

/** How long an instance that is kept beyond its lease is kept each time. */
const EXTENSION_MS = 2_000
/** An instance that is kept is asked again after this time whether it is there. */
const PROBE_INTERVAL_MS = 10_000
const PROBE_TIMEOUT_MS = 1_500
/** Connections that are tried at the same time; others wait for their turn at the next extension. */
const PROBES_MAX = 64
/** A lease of which this share is left was renewed lately: its network works. */
const FRESH_SHARE = 0.5

/** What is known of whether anybody is behind an address. */
export type Probe = 'open' | 'refused' | 'silent'

export interface PreservationOptions {
  readonly clock: Clock
  /** How long an instance is kept beyond its lease at most; 0: never. */
  readonly preserveMs: number
  /** Every instance with a lease that came in over Eureka. */
  leased(): Iterable<Instance>
  /** The address that it was renewed from; undefined where nobody did since the start. */
  addressOf(instance: Instance): string | undefined
  /** Tries to connect. */
  probe(host: string, port: number, timeoutMs: number): Promise<Probe>
}

interface Kept {
  readonly sinceMs: number
  probedAtMs: number
  probe: Probe | undefined
}

interface Survey {
  readonly atMs: number
  readonly networks: ReadonlyMap<string, { readonly count: number; readonly isFresh: boolean }>
  readonly count: number
  readonly isAnyFresh: boolean
}

/** A look at everybody is good for so long. */
const SURVEY_MS = 500

/**
 * Self-preservation: whether an instance whose lease has run out has died, or cannot be heard. An instance has died where others of its network go on renewing,
 * where it is on this machine, or where it was the only one to fall silent. Where everybody of a network fell silent together, the network may be cut: they are
 * kept for a while, and each is tried; one that refuses a connection has died after all. Whoever cancels never gets here.
 */
export class Preservation {
  readonly #options: PreservationOptions
  readonly #kept = new Map<string, Kept>()
  #probing = 0
  #surveyed: Survey = { atMs: -Infinity, networks: new Map(), count: 0, isAnyFresh: false }

  constructor(options: PreservationOptions) {
    this.#options = options
  }

  /** Instances that are kept now. */
  get count(): number {
    return this.#kept.size
  }

  has(service: string, id: string): boolean {
    return this.#kept.has(`${service} ${id}`)
  }

  /** Undefined lets it go. */
  judge(instance: Instance): number | undefined {
    const key = keyOf(instance)
    const { clock, preserveMs } = this.#options
    const nowMs = clock.monotonicMs()
    const kept = this.#kept.get(key)
    const isOver = kept !== undefined && nowMs - kept.sinceMs >= preserveMs
    const isDead = kept?.probe === 'refused'
    if (preserveMs === 0 || isOver || isDead || !this.#mayBeCut(instance, nowMs)) {
      this.#kept.delete(key)
      return undefined
    }
    const state = kept ?? { sinceMs: nowMs, probedAtMs: -Infinity, probe: undefined }
    this.#kept.set(key, state)
    if (nowMs - state.probedAtMs >= PROBE_INTERVAL_MS) this.#tryToReach(instance, state, nowMs)
    return EXTENSION_MS
  }

  /** It was renewed, cancelled, or is gone. */
  forget(service: string, id: string): void {
    this.#kept.delete(`${service} ${id}`)
  }

  #mayBeCut(instance: Instance, nowMs: number): boolean {
    const network = this.#networkOf(instance)
    if (network === HERE) return false
    const { networks, count, isAnyFresh } = this.#survey(nowMs)
    const own = networks.get(network)
    if (own?.isFresh === true) return false
    // Alone in its network, or alone at all: one that died looks the same, and is far more likely.
    return (own?.count ?? 0) > 1 || (count > 1 && !isAnyFresh)
  }

  /** Who renews where; looked through again where the last look is older than a moment, so that many ends of leases cost one look. */
  #survey(nowMs: number): Survey {
    if (nowMs - this.#surveyed.atMs < SURVEY_MS) return this.#surveyed
    const networks = new Map<string, { count: number; isFresh: boolean }>()
    const wallMs = this.#options.clock.nowMs()
    let count = 0
    let isAnyFresh = false
    for (const instance of this.#options.leased()) {
      const network = this.#networkOf(instance)
      const known = networks.get(network) ?? { count: 0, isFresh: false }
      const isNowFresh = isFresh(instance, wallMs)
      known.count++
      known.isFresh ||= isNowFresh
      isAnyFresh ||= isNowFresh
      networks.set(network, known)
      count++
    }
    this.#surveyed = { atMs: nowMs, networks, count, isAnyFresh }
    return this.#surveyed
  }

  #networkOf(instance: Instance): string {
    const address = this.#options.addressOf(instance) ?? instance.host
    if (isLoopbackHost(address)) return HERE
    const parsed = parseAddress(address)
    if (parsed === undefined) return address
    const [first = 0, second = 0] = parsed.words
    return parsed.family === 4 ? `4 ${first >>> 8}` : `6 ${first} ${second}`
  }

  #tryToReach({ host, port }: Instance, state: Kept, nowMs: number): void {
    if (this.#probing >= PROBES_MAX || port === 0) return
    state.probedAtMs = nowMs
    this.#probing++
    void this.#options.probe(host, port, PROBE_TIMEOUT_MS).then((found) => {
      state.probe = found
      this.#probing--
    })
  }
}

/** The network of this machine, which cannot be cut from itself. */
const HERE = 'here'

/** Its own lease has ended where it is judged: the last renewal says how long it is silent. */
function isFresh({ lease }: Instance, wallMs: number): boolean {
  return lease !== undefined && wallMs - lease.renewedAtMs <= lease.ttlMs * (1 - FRESH_SHARE)
}

function keyOf({ service, id }: Instance): string {
  return `${service} ${id}`
}

/** Tries to connect over TCP, and says what came of it. */
export function probeOver(clock: Clock): PreservationOptions['probe'] {
  return (host, port, timeoutMs) =>
    new Promise((resolve) => {
      const socket = connect({ host, port })
      const end = (found: Probe): void => {
        cancel()
        socket.destroy()
        resolve(found)
      }
      const cancel = clock.after(timeoutMs, () => end('silent'))
      socket.once('connect', () => end('open'))
      socket.on('error', (error) =>
        end('code' in error && error.code === 'ECONNREFUSED' ? 'refused' : 'silent'),
      )
    })
}
