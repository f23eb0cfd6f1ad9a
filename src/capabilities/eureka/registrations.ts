import { formatHostPort, isLoopbackHost, parseHostPort } from '../../platform/config/addresses.ts'
import type { CheckStatus } from '../discovery/check-spec.ts'
import type { Discovery } from '../discovery/api.ts'
import type { Instance } from '../discovery/model.ts'
import type { Registration } from '../discovery/registration.ts'
import { SOURCE, type Directory, type Entry } from './directory.ts'
import { EurekaError } from './errors.ts'
import { isStatus, type EurekaRegistration, type EurekaStatus } from './model.ts'
import type { RecentChanges } from './recent-changes.ts'
import type { Sources } from './sources.ts'
import type { Twins } from './twins.ts'
import { overrideReason } from './views.ts'

/** The check that says what the instance says of itself. */
const CHECK = 'eureka'
/** What fits into the registry's own metadata is there, too, for whoever reads it without Eureka. */
const META = { entriesMax: 64, keyCharactersMax: 128, valueCharactersMax: 512 } as const

export interface RegistrationsGround {
  readonly discovery: Discovery
  readonly directory: Directory
  readonly twins: Twins
  readonly sources: Sources
  readonly recent: RecentChanges
  /** Told of each sign of life. */
  heard(service: string, id: string): void
  /** Registrations of one address beyond this are refused. */
  readonly perAddressMax: number
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
    const { directory, sources, twins, discovery } = this.#ground
    const service = directory.serviceOf(app)
    const before = directory.entry(app, registration.instanceId)
    // As Eureka's own server: what is older than what is known only renews.
    const isOld = before?.registration !== undefined && isOlder(registration, before.registration)
    if (isOld && this.renew(app, registration.instanceId, {}, address)) return
    const house = this.#houseOf(service, registration, address)
    if (house !== undefined) {
      if (before !== undefined && before.twin === undefined && before.instance.source === SOURCE) {
        await discovery.deregister(service, registration.instanceId)
      }
      twins.put(service, house.id, registration)
      this.#ground.recent.note(house, 'MODIFIED')
      await this.#tellHouse(house, registration.status)
      return discovery.applied()
    }
    const isNew = before === undefined
    if (isNew && sources.countOf(address) >= this.#ground.perAddressMax) {
      const limit = `${this.#ground.perAddressMax} instances from ${address} are registered already (eureka.perAddress)`
      throw new EurekaError(429, limit)
    }
    await this.#store(service, registration)
    sources.note(service, registration.instanceId, address)
    this.#ground.heard(service, registration.instanceId)
    await discovery.applied()
  }

  /** An instance of the file or of a process of ours has come: one that registered here before it is this one. */
  async adopt(house: Instance): Promise<void> {
    const { discovery, directory, sources, twins } = this.#ground
    for (const instance of discovery.instances(house.service)) {
      const { registration } = directory.entryOf(instance)
      if (instance.source !== SOURCE || registration === undefined) continue
      const address = sources.of(instance.service, instance.id) ?? ''
      if (!isSame(house, registration, address)) continue
      await discovery.deregister(instance.service, instance.id)
      twins.put(house.service, house.id, registration)
      await this.#tellHouse(house, registration.status)
    }
  }

  /** False: unknown, or changed since: it must register again. */
  renew(
    app: string,
    instanceId: string,
    { dirtyAtMs }: { readonly dirtyAtMs?: number },
    address: string,
  ): boolean {
    const { directory, twins, discovery, sources } = this.#ground
    const entry = directory.entry(app, instanceId)
    if (entry?.registration === undefined) return false
    // Its override was deleted, and only it knows how it is.
    if (entry.registration.status === 'UNKNOWN') return false
    if (dirtyAtMs !== undefined && dirtyAtMs > entry.registration.dirtyAtMs) return false
    if (entry.twin !== undefined) twins.renew(entry.twin)
    else {
      discovery.renew(entry.instance.service, entry.instance.id)
      sources.note(entry.instance.service, entry.instance.id, address)
      this.#ground.heard(entry.instance.service, entry.instance.id)
    }
    return true
  }

  /** False: unknown. */
  async cancel(app: string, instanceId: string): Promise<boolean> {
    const { directory, twins, discovery, recent } = this.#ground
    const entry = directory.entry(app, instanceId)
    if (entry === undefined) return false
    const { instance, twin } = entry
    if (twin !== undefined) {
      twins.remove(twin)
      recent.note(instance, 'MODIFIED')
    } else await discovery.deregister(instance.service, instance.id)
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

  /** What is there of one that never spoke Eureka stays as it is. */
  async #change(
    { instance, registration, twin }: Entry,
    change: Partial<EurekaRegistration>,
  ): Promise<void> {
    if (registration === undefined) return
    const changed = { ...registration, ...change }
    if (twin === undefined) return this.#store(instance.service, changed)
    this.#ground.twins.put(instance.service, instance.id, changed)
    this.#ground.recent.note(instance, 'MODIFIED')
  }

  async #store(service: string, registration: EurekaRegistration): Promise<void> {
    const { discovery } = this.#ground
    const { instanceId, status } = registration
    const instance = await discovery.register(specOf(service, registration))
    // One that was there goes on with how its check stood.
    const check = instance.checks.find(({ id }) => id === CHECK)
    if (check === undefined || check.status === checkStatus(status)) return
    discovery.reportCheck(service, instanceId, CHECK, checkStatus(status), status)
  }

  /** The instance of the file or of a process of ours that this one is. */
  #houseOf(
    service: string,
    registration: EurekaRegistration,
    address: string,
  ): Instance | undefined {
    for (const instance of this.#ground.discovery.instances(service)) {
      if (isOfHouse(instance) && isSame(instance, registration, address)) return instance
    }
    return undefined
  }

  /** One of ours says that it is down: out of rotation until it says otherwise. */
  async #tellHouse(
    { service, id, override, overrideReason: reason }: Instance,
    said: EurekaStatus,
  ): Promise<void> {
    const { discovery } = this.#ground
    const isOurs = override === 'out-of-service' && reason === SAID_BY_ITSELF
    if (said !== 'UP' && override === undefined) {
      await discovery.setOverride(service, id, 'out-of-service', SAID_BY_ITSELF)
    } else if (said === 'UP' && isOurs) await discovery.setOverride(service, id, undefined)
  }
}

/** Put by the file or by whoever supervises processes. */
export function isOfHouse({ origin }: Instance): boolean {
  return origin === 'run' || origin === 'at'
}

/** Whether a registration from this address is of an instance of ours: same port, same machine. */
function isSame(
  { host, port: own }: Instance,
  { hostName, ipAddr, port, securePort }: EurekaRegistration,
  address: string,
): boolean {
  const isPort = [port, securePort].some((one) => one.isEnabled && one.number === own)
  const isHere = isLoopbackHost(host) && isLoopbackHost(address)
  return isPort && (isHere || host === hostName || host === ipAddr)
}

/** Why one of ours is out of rotation that says so over Eureka. */
const SAID_BY_ITSELF = 'Eureka: it says itself that it is not up'

function isOlder(one: EurekaRegistration, other: EurekaRegistration): boolean {
  return one.dirtyAtMs !== 0 && one.dirtyAtMs < other.dirtyAtMs
}

function checkStatus(status: EurekaStatus): CheckStatus {
  return status === 'UP' ? 'passing' : 'critical'
}

function specOf(service: string, registration: EurekaRegistration): Registration {
  const { instanceId, port, securePort, durationS, dirtyAtMs } = registration
  const served = port.isEnabled ? port.number : securePort.isEnabled ? securePort.number : 0
  return {
    source: SOURCE,
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
