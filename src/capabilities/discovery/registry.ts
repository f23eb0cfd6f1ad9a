import { CheckBook } from './check-book.ts'
import type { CheckSpec } from './check-spec.ts'
import { ClientCounts } from './client-counts.ts'
import { createChecks, inheritChecks, ownChecksOf, withTwins } from './create-checks.ts'
import { instanceTakenError, registryFullError } from './errors.ts'
import { healthOf } from './health.ts'
import { isSameProcess, mayReplace, takeIdOnNode } from './identity.ts'
import { Journal } from './journal.ts'
import { Leases } from './leases.ts'
import {
  LOCAL_NODE,
  type InstanceSpec,
  type LeaseSpec,
  type NodeSpec,
  type PutOptions,
  type StatusOverride,
} from './model.ts'
import { NameBook } from './name-book.ts'
import {
  CheckRecord,
  describeByTwins,
  describeNode,
  InstanceRecord,
  isSameInstance,
  NodeRecord,
  noChecks,
  noTwins,
  ServiceRecord,
  type TwinRecord,
} from './records.ts'
import type { RegistryHooks } from './registry-hooks.ts'
import { choosePriority, setWeight } from './rotation.ts'

/** Who is there, and how they are. The work of a change does not depend on how many others there are. */
export class Registry {
  readonly services = new Map<string, ServiceRecord>()
  readonly nodes = new Map<string, NodeRecord>()
  readonly names = new NameBook()
  readonly journal: Journal
  readonly checks: CheckBook
  readonly clients = new ClientCounts()
  readonly #hooks: RegistryHooks
  readonly #leases: Leases
  #instanceCount = 0
  readonly #noteModified = (one: InstanceRecord): void =>
    this.journal.noteInstance(one, 'modified', false)

  constructor(hooks: RegistryHooks) {
    this.#hooks = hooks
    this.journal = new Journal(hooks, this)
    this.#leases = new Leases({
      clock: hooks.clock,
      guardLease: (instance) => hooks.guardLease(instance),
      onEnd: (instance, atEnd) => this.#endLease(instance, atEnd),
    })
    this.checks = new CheckBook({
      clock: hooks.clock,
      startCheck: (check) => hooks.startCheck(check),
      stopCheck: (check) => hooks.stopCheck(check),
      onStatus: (check) => this.#onStatus(check),
      onCriticalForLong: (check) => this.#onCriticalForLong(check),
      node: (name) => this.nodes.get(name),
    })
  }

  get instanceCount(): number {
    return this.#instanceCount
  }

  find(service: string, id: string): InstanceRecord | undefined {
    return this.services.get(service)?.instances.get(id)
  }

  declareService(name: string, defaultChecks: readonly CheckSpec[]): void {
    const service = this.#serviceOf(name)
    service.isDeclared = true
    service.defaultChecks = defaultChecks
  }

  undeclareService(name: string): void {
    const service = this.services.get(name)
    if (service === undefined) return
    service.isDeclared = false
    service.defaultChecks = []
    this.#dropServiceIfEmpty(service)
  }

  /** Gives an instance other checks of its own without taking it out of rotation. */
  replaceChecks(instance: InstanceRecord, specs: readonly CheckSpec[]): void {
    this.#setChecks(instance, withTwins(instance.twins, specs), instance.checks)
    this.#setHealth(instance)
    this.journal.noteInstance(instance, 'modified', false)
    this.checks.onOwnerChanged(instance)
  }

  /** What an instance of the house registered of itself. `from`: checks of before, whose results go on. */
  setTwins(
    instance: InstanceRecord,
    twins: readonly TwinRecord[],
    from: readonly CheckRecord[] = noChecks,
  ): void {
    const own = ownChecksOf(instance)
    const { instances } = instance.nodeRecord
    instances.delete(instance.idOnNode)
    describeByTwins(instance, twins)
    takeIdOnNode(instance, undefined)
    this.#setChecks(instance, withTwins(twins, own), [...from, ...instance.checks])
    this.#setHealth(instance)
    this.journal.noteInstance(instance, 'modified', true)
    this.checks.onOwnerChanged(instance)
  }

  /**
   * Adds an instance, or replaces the one with the same id. What says nothing new only renews the lease, and keeps the results of
   * its checks; a supervised process is always new. Throws `ERR_DISCOVERY_FULL`, `ERR_DISCOVERY_INSTANCE_TAKEN`.
   */
  putInstance(spec: InstanceSpec, options: PutOptions): InstanceRecord {
    const before = this.find(spec.service, spec.id)
    this.#refuse(options, before)
    this.#makeWay(spec, before)
    const node = this.#nodeOf(spec.node ?? LOCAL_NODE)
    const service = this.#serviceOf(spec.service)
    const instance = new InstanceRecord(spec, options, node, this.#hooks.clock.nowMs())
    if (before !== undefined && isSameProcess(before, instance)) {
      describeByTwins(instance, before.twins)
    }
    instance.checks = createChecks(
      withTwins(instance.twins, options.checks ?? service.defaultChecks),
      instance,
      options.initially,
    )
    if (before !== undefined && before.origin !== 'run' && isSameInstance(before, instance)) {
      before.dirtyAtMs = instance.dirtyAtMs
      this.#leases.set(before, options.lease)
      before.isDraining = false
      this.#recompute(before)
      return before
    }
    instance.override = options.override ?? before?.override
    instance.overrideReason = options.overrideReason ?? before?.overrideReason ?? ''
    takeIdOnNode(instance, before)
    if (before === undefined) {
      this.#instanceCount++
      this.checks.attach(instance.checks, this.journal.index + 1)
    } else this.#inherit(before, instance)
    service.instances.set(spec.id, instance)
    this.clients.add(instance.client, 1)
    if (instance.priority !== 0) service.hasPriorities = true
    this.#leases.set(instance, options.lease)
    this.#setHealth(instance)
    this.journal.noteInstance(instance, before === undefined ? 'added' : 'modified', true)
    this.checks.onOwnerChanged(instance)
    if (before !== undefined && before.twins !== instance.twins) this.#hooks.onTwinsLost(before)
    return instance
  }

  /** True when it was there. */
  removeInstance(serviceName: string, id: string): boolean {
    const service = this.services.get(serviceName)
    const instance = service?.instances.get(id)
    if (service === undefined || instance === undefined) return false
    this.journal.noteInstance(instance, 'removed', true)
    service.instances.delete(id)
    this.#instanceCount--
    service.routableCount -= Number(instance.isRoutable)
    this.checks.detach(instance.checks)
    this.#retire(instance)
    choosePriority(service, this.#noteModified)
    this.checks.onOwnerChanged(instance)
    this.#dropServiceIfEmpty(service)
    if (instance.twins !== noTwins) this.#hooks.onTwinsLost(instance)
    return true
  }

  /** Moves the end of the lease; no index rises unless it had lapsed. False when there is no such instance. */
  renew(service: string, id: string): boolean {
    const instance = this.find(service, id)
    if (instance === undefined) return false
    this.#leases.renew(instance)
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

  setOverride(
    instance: InstanceRecord,
    override: StatusOverride | undefined,
    reason: string,
  ): void {
    if (instance.override === override && instance.overrideReason === reason) return
    instance.override = override
    instance.overrideReason = reason
    this.#setHealth(instance)
    this.journal.noteInstance(instance, 'modified', false)
    this.checks.onOwnerChanged(instance)
  }

  /** Creates or changes a node. One that was registered stays without instances until it is dropped. */
  putNode(spec: NodeSpec, isRegistered: boolean): NodeRecord {
    const node = this.#nodeOf(spec.name)
    const isChanged = describeNode(node, spec)
    node.isRegistered = isRegistered
    if (isChanged) this.journal.noteNode(node, 'said')
    return node
  }

  /** Its own checks go; what lives on it stays, and keeps it. */
  dropNode(node: NodeRecord): void {
    node.isRegistered = false
    this.replaceNodeChecks(node, [])
    this.setNodeMaintenance(node, undefined)
    this.#dropNodeIfEmpty(node)
  }

  /** Gives a node other checks of its own; those that stay keep their status. */
  replaceNodeChecks(node: NodeRecord, specs: readonly CheckSpec[]): void {
    const checks = createChecks(specs, node, undefined)
    inheritChecks(node.checks, false, checks)
    this.checks.detach(node.checks, (id) => checks.some((check) => check.id === id))
    node.checks = checks
    this.checks.attach(checks, this.journal.index + 1)
    this.#onNodeHealth(node)
    this.#dropNodeIfEmpty(node)
  }

  setNodeMaintenance(node: NodeRecord, reason: string | undefined): void {
    if (node.maintenance === reason) return
    node.maintenance = reason
    this.#onNodeHealth(node)
  }

  close(): void {
    this.journal.watchers.close()
    this.#leases.close()
    this.checks.close()
  }

  #refuse(options: PutOptions, before: InstanceRecord | undefined): void {
    // What the file says stands above what was registered, and that above what is copied from elsewhere.
    if (before !== undefined && !mayReplace(before, options)) throw instanceTakenError(before)
    if (before === undefined && this.#instanceCount >= this.#hooks.instancesMax()) {
      throw registryFullError(this.#instanceCount)
    }
  }

  /** Whoever asked for the same id on the node goes, before anything is made that its end could drop. */
  #makeWay(
    { node = LOCAL_NODE, idOnNode }: InstanceSpec,
    before: InstanceRecord | undefined,
  ): void {
    if (idOnNode === undefined) return
    const there = this.nodes.get(node)?.instances.get(idOnNode)
    if (there === undefined || there === before || there.isIdDerived) return
    const others = there.twins.filter((twin) => twin.spec.idOnNode !== idOnNode)
    if (others.length < there.twins.length) this.setTwins(there, others)
    else this.removeInstance(there.service, there.id)
  }

  /** The new record of an instance takes over from the old one. */
  #inherit(before: InstanceRecord, instance: InstanceRecord): void {
    instance.createIndex = before.createIndex
    if (isSameProcess(before, instance)) {
      instance.registeredAtMs = before.registeredAtMs
      inheritChecks(before.checks, before.isRoutable, instance.checks)
    }
    this.#serviceOf(before.service).routableCount -= Number(before.isRoutable)
    this.#swapChecks(before, instance, instance.checks)
    if (before.nodeRecord !== instance.nodeRecord)
      this.journal.noteNode(before.nodeRecord, 'checks')
    this.#retire(before)
  }

  /** `from`: whose results go on. */
  #setChecks(one: InstanceRecord, specs: readonly CheckSpec[], from: readonly CheckRecord[]): void {
    const checks = createChecks(specs, one, undefined)
    inheritChecks(from, one.isRoutable, checks)
    this.#swapChecks(one, one, checks)
  }

  #swapChecks(
    before: InstanceRecord,
    instance: InstanceRecord,
    checks: readonly CheckRecord[],
  ): void {
    const isStaying = before.nodeRecord === instance.nodeRecord
    const ids = new Set(isStaying ? checks.map((check) => check.id) : [])
    this.checks.detach(before.checks, (id) => ids.has(id))
    instance.checks = checks
    this.checks.attach(checks, this.journal.index + 1)
  }

  /** Ends what belongs to a record that nobody sees any more. Its values stay for readers of the feed. */
  #retire(instance: InstanceRecord): void {
    const { nodeRecord: node, idOnNode } = instance
    if (node.instances.get(idOnNode) === instance) node.instances.delete(idOnNode)
    this.#dropNodeIfEmpty(node)
    this.#leases.clear(instance)
    this.clients.add(instance.client, -1)
    instance.weight = 0
    instance.isGone = true
  }

  #endLease(instance: InstanceRecord, atEnd: LeaseSpec['atEnd']): void {
    if (atEnd === 'critical') {
      instance.hasLapsed = true
      this.#recompute(instance)
    } else {
      this.removeInstance(instance.service, instance.id)
      this.#hooks.onEnded(instance, undefined)
    }
  }

  #onStatus(check: CheckRecord): void {
    const { owner } = check
    check.modifyIndex = this.journal.index + 1
    this.#hooks.onStatus(check)
    if (owner instanceof NodeRecord) return this.#onNodeHealth(owner)
    this.#setHealth(owner)
    this.journal.noteInstance(owner, 'modified', false)
    this.checks.onOwnerChanged(owner)
  }

  #onCriticalForLong(check: CheckRecord): void {
    const { owner } = check
    if (owner instanceof NodeRecord) return
    const twin = owner.twins.find(({ checks }) => checks.some(({ id }) => id === check.id))
    if (twin !== undefined) return this.#hooks.onTwinEnded(owner, twin)
    if (owner.origin !== 'registered') return
    this.removeInstance(owner.service, owner.id)
    this.#hooks.onEnded(owner, check)
  }

  #onNodeHealth(node: NodeRecord): void {
    this.journal.noteNode(node, 'checks')
    for (const instance of node.instances.values()) {
      this.#setHealth(instance)
      this.journal.noteInstance(instance, 'modified', false)
    }
    this.checks.onOwnerChanged(node)
  }

  /** Finds out the health anew; a difference is a change. */
  #recompute(instance: InstanceRecord): void {
    if (!this.#setHealth(instance)) return
    this.journal.noteInstance(instance, 'modified', false)
    this.checks.onOwnerChanged(instance)
  }

  #setHealth(instance: InstanceRecord): boolean {
    const health = healthOf(instance)
    const isOther = health !== instance.health
    instance.health = health
    const service = this.#serviceOf(instance.service)
    choosePriority(service, this.#noteModified)
    return setWeight(service, instance) || isOther
  }

  #serviceOf(name: string): ServiceRecord {
    const found = this.services.get(name)
    if (found !== undefined) return found
    this.journal.noteService(name, 'added')
    const service = new ServiceRecord(name, this.journal.index)
    this.services.set(name, service)
    this.names.add(name)
    return service
  }

  #dropServiceIfEmpty(service: ServiceRecord): void {
    if (service.isDeclared || service.instances.size > 0) return
    this.services.delete(service.name)
    this.names.delete(service.name)
    this.journal.noteService(service.name, 'removed')
  }

  #nodeOf(name: string): NodeRecord {
    let node = this.nodes.get(name)
    if (node === undefined) {
      this.nodes.set(name, (node = new NodeRecord(name, this.journal.index + 1)))
      this.journal.noteNode(node, 'added')
    }
    return node
  }

  #dropNodeIfEmpty(node: NodeRecord): void {
    const { instances, checks, isRegistered, maintenance, name } = node
    if (isRegistered || instances.size > 0 || checks.length > 0 || maintenance !== undefined) return
    this.nodes.delete(name)
    node.isGone = true
    this.journal.noteNode(node, 'removed')
  }
}
