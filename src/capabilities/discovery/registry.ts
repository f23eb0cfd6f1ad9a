import { ChangeFeed } from './change-feed.ts'
import { Deadlines } from './deadlines.ts'
import { instanceTakenError, registryFullError } from './errors.ts'
import {
  LOCAL_NODE,
  type Change,
  type CheckSpec,
  type CheckStatus,
  type InstanceSpec,
  type PutOptions,
  type StatusOverride,
  type Target,
} from './model.ts'
import {
  CHECK_OUTPUT_CHARACTERS_MAX,
  CheckRecord,
  createChecks,
  createExpiry,
  healthOf,
  inheritChecks,
  InstanceRecord,
  isActive,
  isSameInstance,
  NodeRecord,
  noExpiries,
  ServiceRecord,
  weightOf,
  type Expiry,
  type RegistryHooks,
} from './records.ts'
import { Watchers } from './watchers.ts'

/** Who is there, and how they are. Synchronous; the work of a change does not depend on how many others there are. */
export class Registry {
  readonly services = new Map<string, ServiceRecord>()
  readonly nodes = new Map<string, NodeRecord>()
  readonly watchers: Watchers
  readonly feed: ChangeFeed
  readonly #hooks: RegistryHooks
  readonly #expiries: Deadlines<Expiry>
  #index: number
  #catalogIndex: number
  /** Index of the last change of a service that is not there any more: what is unknown has at least this index. */
  #goneIndex: number
  #catalogIndexTold: number
  #instanceCount = 0
  #isFlushScheduled = false

  constructor(hooks: RegistryHooks) {
    this.#hooks = hooks
    this.#index = hooks.firstIndex
    this.#catalogIndex = hooks.firstIndex
    this.#catalogIndexTold = hooks.firstIndex
    this.#goneIndex = hooks.firstIndex
    this.feed = new ChangeFeed(hooks.firstIndex)
    this.watchers = new Watchers(hooks.clock, this, (error) => hooks.onWatcherError(error))
    this.#expiries = new Deadlines<Expiry>(hooks.clock, (expiry) => this.#expire(expiry))
  }

  get instanceCount(): number {
    return this.#instanceCount
  }

  /** Rises with each change of what is looked at, and never falls, also when a service goes and comes back. */
  indexOf(target: Target): number {
    if (target === 'all') return this.#index
    if (target === 'catalog') return this.#catalogIndex
    return this.services.get(target.service)?.index ?? this.#goneIndex
  }

  find(service: string, id: string): InstanceRecord | undefined {
    return this.services.get(service)?.instances.get(id)
  }

  declareService(name: string, defaultChecks: readonly CheckSpec[]): void {
    const service = this.#serviceOf(name)
    service.isDeclared = true
    service.defaultChecks = defaultChecks
  }

  /** Gives an instance other checks without taking it out of rotation: a reload of the configuration. */
  replaceChecks(instance: InstanceRecord, specs: readonly CheckSpec[]): void {
    const checks = createChecks(specs, undefined)
    inheritChecks(instance, checks)
    this.#endChecks(instance)
    instance.checks = checks
    this.#startChecks(instance)
    this.#setHealth(instance)
    this.#note(instance, 'modified')
  }

  undeclareService(name: string): void {
    const service = this.services.get(name)
    if (service === undefined) return
    service.isDeclared = false
    service.defaultChecks = []
    this.#dropServiceIfEmpty(service)
  }

  /**
   * Adds an instance, or replaces the one with the same id. What says nothing new only renews the lease, and keeps the results of
   * its checks; a supervised process is always new. Throws `ERR_DISCOVERY_FULL`, `ERR_DISCOVERY_INSTANCE_TAKEN`.
   */
  putInstance(spec: InstanceSpec, options: PutOptions): InstanceRecord {
    const before = this.find(spec.service, spec.id)
    this.#refuse(options, before)
    const service = this.#serviceOf(spec.service)
    const node = this.#nodeOf(spec.node ?? LOCAL_NODE)
    const nowMs = this.#hooks.clock.nowMs()
    const instance = new InstanceRecord(spec, options.source, node, nowMs)
    instance.checks = createChecks(options.checks ?? service.defaultChecks, options.initially)
    if (before !== undefined && before.source !== 'run' && isSameInstance(before, instance)) {
      before.dirtyAtMs = instance.dirtyAtMs
      this.#setLease(before, options.lease)
      before.isDraining = false
      this.#recompute(before)
      return before
    }
    instance.override = options.override ?? before?.override
    // Before the old record leaves: a node without instances is forgotten.
    node.instances.add(instance)
    if (before === undefined) this.#instanceCount++
    else this.#inherit(before, instance)
    service.instances.set(spec.id, instance)
    this.#setLease(instance, options.lease)
    this.#startChecks(instance)
    this.#setHealth(instance)
    this.#note(instance, before === undefined ? 'added' : 'modified')
    return instance
  }

  /** True when it was there. */
  removeInstance(serviceName: string, id: string): boolean {
    const service = this.services.get(serviceName)
    const instance = service?.instances.get(id)
    if (service === undefined || instance === undefined) return false
    this.#note(instance, 'removed')
    service.instances.delete(id)
    this.#instanceCount--
    this.#countRoutable(serviceName, -Number(instance.isRoutable))
    this.#retire(instance)
    this.#dropServiceIfEmpty(service)
    return true
  }

  /** Moves the end of the lease; no index rises unless it had lapsed. False when there is no such instance. */
  renew(service: string, id: string): boolean {
    const instance = this.find(service, id)
    if (instance === undefined) return false
    const expiry = instance.leaseExpiry
    if (expiry !== undefined) {
      this.#expiries.set(expiry, this.#hooks.clock.monotonicMs() + expiry.ttlMs)
    }
    if (instance.hasLapsed) {
      instance.hasLapsed = false
      this.#recompute(instance)
    }
    return true
  }

  setDraining(instance: InstanceRecord, isDraining: boolean): void {
    instance.isDraining = isDraining
    this.#recompute(instance)
  }

  setOverride(instance: InstanceRecord, override: StatusOverride | undefined): void {
    if (instance.override === override) return
    instance.override = override
    this.#setHealth(instance)
    this.#note(instance, 'modified')
  }

  /** Takes the result of a check. Only a change of its status is a change: new output alone wakes nobody. */
  reportCheck(
    instance: InstanceRecord,
    check: CheckRecord,
    result: { readonly status: CheckStatus; readonly output: string; readonly durationMs: number },
  ): void {
    const isChanged = check.status !== result.status
    this.#setResult(check, result)
    const expiry = instance.expiries.find((one) => one.check === check)
    if (expiry !== undefined) {
      this.#expiries.set(expiry, this.#hooks.clock.monotonicMs() + expiry.ttlMs)
    }
    if (!isChanged) return
    this.#setHealth(instance)
    this.#note(instance, 'modified')
  }

  /** Creates or changes a node. */
  putNode(name: string, address: string, meta: Readonly<Record<string, string>>): NodeRecord {
    const node = this.#nodeOf(name)
    node.address = address
    node.meta = meta
    return node
  }

  /** Sets a check of a node, which counts for each of its instances. */
  reportNodeCheck(nodeName: string, id: string, status: CheckStatus, output: string): void {
    const node = this.#nodeOf(nodeName)
    let check = node.checks.find((one) => one.id === id)
    if (check === undefined)
      node.checks.push((check = new CheckRecord(id, 'reported', undefined, 'passing')))
    this.#setResult(check, { status, output, durationMs: 0 })
    for (const instance of node.instances) this.#recompute(instance)
  }

  removeNodeCheck(nodeName: string, id: string): void {
    const node = this.nodes.get(nodeName)
    if (node === undefined) return
    node.checks = node.checks.filter((check) => check.id !== id)
    for (const instance of node.instances) this.#recompute(instance)
    this.#dropNodeIfEmpty(node)
  }

  /** Tells the watchers at once what changed since the last time. */
  flush(): void {
    this.#isFlushScheduled = false
    if (!this.feed.hasPending) return
    const { batch, touched } = this.feed.take(this.#index)
    const isCatalog = this.#catalogIndex !== this.#catalogIndexTold
    this.#catalogIndexTold = this.#catalogIndex
    this.watchers.notify(batch, touched, isCatalog)
  }

  close(): void {
    this.watchers.close()
    this.#expiries.close()
  }

  #refuse(options: PutOptions, before: InstanceRecord | undefined): void {
    // What the file says stands above what was registered.
    if (before !== undefined && before.source !== 'api' && before.source !== options.source) {
      throw instanceTakenError(before)
    }
    if (before === undefined && this.#instanceCount >= this.#hooks.instancesMax()) {
      throw registryFullError(this.#instanceCount)
    }
  }

  /** The new record of an instance takes over from the old one. */
  #inherit(before: InstanceRecord, instance: InstanceRecord): void {
    instance.createIndex = before.createIndex
    const isSameProcess =
      instance.source !== 'run' && before.host === instance.host && before.port === instance.port
    if (isSameProcess) {
      instance.registeredAtMs = before.registeredAtMs
      inheritChecks(before, instance.checks)
    }
    this.#countRoutable(before.service, -Number(before.isRoutable))
    this.#retire(before)
  }

  /** Ends what belongs to a record that nobody sees any more. Its values stay for readers of the feed. */
  #retire(instance: InstanceRecord): void {
    instance.nodeRecord.instances.delete(instance)
    this.#dropNodeIfEmpty(instance.nodeRecord)
    if (instance.leaseExpiry !== undefined) this.#expiries.clear(instance.leaseExpiry)
    this.#endChecks(instance)
    instance.weight = 0
  }

  #endChecks(instance: InstanceRecord): void {
    for (const expiry of instance.expiries) this.#expiries.clear(expiry)
    for (const check of instance.checks) if (isActive(check)) this.#hooks.stopCheck(check)
  }

  #expire(expiry: Expiry): void {
    const { instance, check } = expiry
    if (check !== undefined) {
      const output = `No report within ${expiry.ttlMs} ms.`
      const isChanged = check.status !== 'critical'
      this.#setResult(check, { status: 'critical', output, durationMs: 0 })
      if (!isChanged) return
      this.#setHealth(instance)
      this.#note(instance, 'modified')
    } else if (instance.keepsWhenLapsed) {
      instance.hasLapsed = true
      this.#recompute(instance)
    } else {
      this.removeInstance(instance.service, instance.id)
      this.#hooks.onLapsed(instance)
    }
  }

  #setLease(instance: InstanceRecord, lease: PutOptions['lease']): void {
    if (instance.leaseExpiry !== undefined) this.#expiries.clear(instance.leaseExpiry)
    instance.leaseExpiry = lease === undefined ? undefined : createExpiry(instance, lease.ttlMs)
    instance.keepsWhenLapsed = lease?.atEnd === 'critical'
    instance.hasLapsed = false
    if (instance.leaseExpiry === undefined || lease === undefined) return
    this.#expiries.set(instance.leaseExpiry, this.#hooks.clock.monotonicMs() + lease.ttlMs)
  }

  #startChecks(instance: InstanceRecord): void {
    const nowMs = this.#hooks.clock.monotonicMs()
    const expiries: Expiry[] = []
    for (const check of instance.checks) {
      if (isActive(check)) this.#hooks.startCheck(instance, check)
      if (check.spec?.kind !== 'ttl') continue
      const expiry = createExpiry(instance, check.spec.ttlMs, check)
      expiries.push(expiry)
      this.#expiries.set(expiry, nowMs + expiry.ttlMs)
    }
    instance.expiries = expiries.length > 0 ? expiries : noExpiries
  }

  #setResult(
    check: CheckRecord,
    result: Pick<CheckRecord, 'status' | 'output' | 'durationMs'>,
  ): void {
    check.status = result.status
    check.output = result.output.slice(0, CHECK_OUTPUT_CHARACTERS_MAX)
    check.durationMs = result.durationMs
    check.atMs = this.#hooks.clock.nowMs()
  }

  /** Finds out the health anew; a difference is a change. */
  #recompute(instance: InstanceRecord): void {
    if (this.#setHealth(instance)) this.#note(instance, 'modified')
  }

  #setHealth(instance: InstanceRecord): boolean {
    const health = healthOf(instance)
    const weight = weightOf(instance.weights, health)
    if (health === instance.health && weight === instance.weight) return false
    this.#countRoutable(instance.service, Number(weight > 0) - Number(instance.isRoutable))
    instance.health = health
    instance.weight = weight
    return true
  }

  #countRoutable(serviceName: string, difference: number): void {
    const service = this.services.get(serviceName)
    if (service !== undefined) service.routableCount += difference
  }

  #note(instance: InstanceRecord, action: Change['action']): void {
    const index = ++this.#index
    const service = this.services.get(instance.service)
    if (service !== undefined) service.index = index
    if (action !== 'modified') this.#catalogIndex = index
    if (instance.createIndex === 0) instance.createIndex = index
    instance.modifyIndex = index
    this.feed.addInstance(index, this.#hooks.clock.nowMs(), action, instance)
    this.#scheduleFlush()
  }

  #noteService(name: string, action: 'added' | 'removed'): void {
    this.#catalogIndex = ++this.#index
    if (action === 'removed') this.#goneIndex = this.#index
    this.feed.addService(name, action)
    this.#scheduleFlush()
  }

  #scheduleFlush(): void {
    if (this.#isFlushScheduled) return
    this.#isFlushScheduled = true
    this.#hooks.scheduleFlush(() => this.flush())
  }

  #serviceOf(name: string): ServiceRecord {
    const found = this.services.get(name)
    if (found !== undefined) return found
    this.#noteService(name, 'added')
    const service = new ServiceRecord(name, this.#index)
    this.services.set(name, service)
    return service
  }

  #dropServiceIfEmpty(service: ServiceRecord): void {
    if (service.isDeclared || service.instances.size > 0) return
    this.services.delete(service.name)
    this.#noteService(service.name, 'removed')
  }

  #nodeOf(name: string): NodeRecord {
    let node = this.nodes.get(name)
    if (node === undefined) this.nodes.set(name, (node = new NodeRecord(name)))
    return node
  }

  #dropNodeIfEmpty(node: NodeRecord): void {
    const isEmpty = node.instances.size === 0 && node.checks.length === 0 && node.address === ''
    if (isEmpty) this.nodes.delete(node.name)
  }
}
