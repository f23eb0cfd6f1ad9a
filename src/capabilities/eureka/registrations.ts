import { formatHostPort, isLoopbackHost, parseHostPort } from '../../platform/config/addresses.ts'
import type { CheckStatus } from '../discovery/check-spec.ts'
import type { Discovery } from '../discovery/api.ts'
import type { Registration } from '../discovery/registration.ts'
import { SOURCE, type Directory, type Entry } from './directory.ts'
import { EurekaError } from './errors.ts'
import { isStatus, type EurekaRegistration, type EurekaStatus } from './model.ts'
import type { Sources } from './sources.ts'
import { overrideReason } from './views.ts'

/** The check that says what the instance says of itself. */
const CHECK = 'eureka'
/** What fits into the registry's own metadata is there, too, for whoever reads it without Eureka. */
const META = { entriesMax: 64, keyCharactersMax: 128, valueCharactersMax: 512 } as const

export interface RegistrationsGround {
  readonly discovery: Discovery
  readonly directory: Directory
  readonly sources: Sources
  /** Told of each sign of life. */
  heard(service: string, id: string): void
}

/** What clients do with instances. Each resolves when it is stored and every worker of the gateway has it. */
export class EurekaRegistrations {
  readonly #ground: RegistrationsGround

  constructor(ground: RegistrationsGround) {
    this.#ground = ground
  }

  /** `address`: of whoever asks. */
  async register(app: string, registration: EurekaRegistration, address: string): Promise<void> {
    if (app.toUpperCase() !== registration.app.toUpperCase()) {
      const message = `Mismatched appName, expecting ${app} but was ${registration.app}`
      throw new EurekaError(400, message)
    }
    const { directory, discovery } = this.#ground
    const service = directory.serviceOf(app)
    const before = directory.entry(app, registration.instanceId)
    // As Eureka's own server: what is older than what is known only renews.
    const isOld = before?.registration !== undefined && isOlder(registration, before.registration)
    if (isOld && this.renew(app, registration.instanceId, {}, address)) return
    await this.#store(service, registration, address)
    this.#hear(directory.entry(app, registration.instanceId), address)
    await discovery.applied()
  }

  /** False: unknown, or changed since: it must register again. */
  renew(
    app: string,
    instanceId: string,
    { dirtyAtMs }: { readonly dirtyAtMs?: number },
    address: string,
  ): boolean {
    const { directory, discovery } = this.#ground
    const entry = directory.entry(app, instanceId)
    if (entry?.registration === undefined) return false
    // Its override was deleted, and only it knows how it is.
    if (entry.registration.status === 'UNKNOWN') return false
    if (dirtyAtMs !== undefined && dirtyAtMs > entry.registration.dirtyAtMs) return false
    const { service } = entry.instance
    discovery.renew(service, instanceId)
    this.#hear(entry, address)
    return true
  }

  /** False: unknown. */
  async cancel(app: string, instanceId: string): Promise<boolean> {
    const { directory, discovery } = this.#ground
    const entry = directory.entry(app, instanceId)
    if (entry === undefined) return false
    await discovery.deregister(entry.instance.service, entry.twin?.spec.id ?? entry.instance.id)
    await discovery.applied()
    return true
  }

  /** False: unknown. Throws for what is no status. */
  async override(app: string, instanceId: string, value: string): Promise<boolean> {
    if (!isStatus(value)) throw new EurekaError(500, `Invalid status: ${value.slice(0, 40)}`)
    const { directory, discovery } = this.#ground
    const entry = directory.entry(app, instanceId)
    if (entry === undefined) return false
    const { instance, registration } = entry
    const isUp = value === 'UP'
    await discovery.setOverride(
      instance.service,
      instance.id,
      isUp ? undefined : 'out-of-service',
      isUp ? '' : overrideReason(value),
    )
    const wasOut = registration?.status === 'OUT_OF_SERVICE' || registration?.status === 'UNKNOWN'
    if (isUp && wasOut) await this.#change(entry, { status: 'UP' })
    await discovery.applied()
    return true
  }

  /** Ends an override; without a value nobody knows how the instance is until it registers again. False: unknown instance. */
  async clearOverride(app: string, instanceId: string, value: string): Promise<boolean> {
    const { directory, discovery } = this.#ground
    const entry = directory.entry(app, instanceId)
    if (entry === undefined) return false
    await discovery.setOverride(entry.instance.service, entry.instance.id, undefined)
    await this.#change(entry, { status: isStatus(value) ? value : 'UNKNOWN' })
    await discovery.applied()
    return true
  }

  /** False: unknown. */
  async addMetadata(
    app: string,
    instanceId: string,
    more: readonly (readonly [string, string])[],
  ): Promise<boolean> {
    const entry = this.#ground.directory.entry(app, instanceId)
    if (entry?.registration === undefined) return false
    const metadata = new Map(Object.entries(entry.registration.metadata))
    for (const [key, value] of more) metadata.set(key, value)
    await this.#change(entry, { metadata: Object.fromEntries(metadata) })
    return true
  }

  /** A sign of life, from this address; that of a twin says nothing that is not known. */
  #hear(entry: Entry | undefined, address: string): void {
    if (entry === undefined || entry.twin !== undefined) return
    const { service, id } = entry.instance
    this.#ground.sources.note(service, id, address)
    this.#ground.heard(service, id)
  }

  /** What is there of one that never spoke Eureka stays as it is. */
  async #change(
    { instance, registration }: Entry,
    change: Partial<EurekaRegistration>,
  ): Promise<void> {
    if (registration === undefined) return
    const address = this.#ground.sources.of(instance.service, registration.instanceId) ?? ''
    await this.#store(instance.service, { ...registration, ...change }, address)
  }

  async #store(service: string, registration: EurekaRegistration, address: string): Promise<void> {
    const { discovery } = this.#ground
    const { status } = registration
    const instance = await discovery.register(specOf(service, registration, address))
    // One that was there goes on with how its check stood.
    const check = instance.checks.find(({ id }) => id === CHECK)
    if (check === undefined || check.status === checkStatus(status)) return
    discovery.reportCheck(service, instance.id, CHECK, checkStatus(status), status)
  }
}

function isOlder(one: EurekaRegistration, other: EurekaRegistration): boolean {
  return one.dirtyAtMs !== 0 && one.dirtyAtMs < other.dirtyAtMs
}

/** One that calls from elsewhere is not here, whatever it calls itself. */
function placesOf(hosts: readonly string[], address: string): readonly string[] {
  if (isLoopbackHost(address)) return [...hosts, address]
  return [...hosts.filter((host) => !isLoopbackHost(host)), address]
}

function checkStatus(status: EurekaStatus): CheckStatus {
  return status === 'UP' ? 'passing' : 'critical'
}

function specOf(service: string, registration: EurekaRegistration, address: string): Registration {
  const { instanceId, hostName, ipAddr, port, securePort, durationS, dirtyAtMs } = registration
  const served = port.isEnabled ? port.number : securePort.isEnabled ? securePort.number : 0
  return {
    source: SOURCE,
    client: address,
    // Whoever registers here registers itself: it is where it calls from, too.
    alsoAt: {
      hosts: placesOf([hostName, ipAddr], address),
      ports: [port, securePort].filter(({ isEnabled }) => isEnabled).map(({ number }) => number),
    },
    ttlMs: durationS * 1000,
    checks: [
      { kind: 'reported', id: CHECK, name: 'Eureka', initially: checkStatus(registration.status) },
    ],
    spec: {
      service,
      id: instanceId,
      host: hostOf(registration),
      port: served,
      meta: metaOf(registration),
      ...(dirtyAtMs === 0 ? {} : { dirtyAtMs }),
      document: JSON.stringify(registration),
    },
  }
}

/** What Eureka's clients call: the host name, where it can be one. */
function hostOf({ hostName, ipAddr }: EurekaRegistration): string {
  for (const host of [hostName, ipAddr]) {
    const parsed = parseHostPort(formatHostPort({ host, port: 1 }))
    if (parsed !== undefined) return parsed.host
  }
  throw new EurekaError(
    400,
    `${hostName.slice(0, 80)} is no host name, and ${ipAddr.slice(0, 80)} no address`,
  )
}

function metaOf({ metadata }: EurekaRegistration): Readonly<Record<string, string>> {
  const { entriesMax, keyCharactersMax, valueCharactersMax } = META
  const entries = Object.entries(metadata).filter(
    ([key, value]) => key.length <= keyCharactersMax && value.length <= valueCharactersMax,
  )
  return Object.fromEntries(entries.slice(0, entriesMax))
}
