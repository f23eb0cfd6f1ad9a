import type { CheckSpec, CheckStatus } from './check-spec.ts'
import { instanceTakenError } from './errors.ts'
import { LOCAL_NODE, type Check, type Instance, type Node, type NodeSpec } from './model.ts'
import type { NodeStore } from './node-store.ts'
import type { Plan } from './plan.ts'
import { registrationOf } from './registered.ts'
import { refuseOversized, type Registration } from './registration.ts'
import type { Registrations } from './registration-store.ts'
import type { Registry } from './registry.ts'
import type { StoredNode } from './stored.ts'

/** How something in a draft is known: as it is in the registry, or `draft` where the draft has changed it. */
export type Known<Record> = Record | 'draft' | undefined

/** What it stands on. */
export interface DraftGround {
  readonly registry: Registry
  readonly nodes: NodeStore
  readonly registrations: Registrations
}

interface DraftService {
  readonly node: string
  /** Undefined: it is deregistered. */
  readonly registration: Registration | undefined
  /** As the registry knows it. */
  readonly before: Registration | undefined
  /** Only its checks are others: its own index does not move. */
  readonly isChecksOnly: boolean
}

interface DraftStatus {
  readonly node: string
  readonly check: string
  readonly status: CheckStatus
  readonly output: string
}

/**
 * Nodes, registrations and checks as they would be: changes that nobody sees until `plan` was stored and applied. Only within
 * `Discovery.transaction`, while no other write is under way.
 */
export class CatalogDraft {
  readonly #ground: DraftGround
  /** Undefined: it goes. */
  readonly #nodes = new Map<string, StoredNode | undefined>()
  /** Those of which not only the checks are others. */
  readonly #saidNodes = new Set<string>()
  readonly #services = new Map<string, DraftService>()
  readonly #statuses = new Map<string, DraftStatus>()

  constructor(ground: DraftGround) {
    this.#ground = ground
  }

  node(name: string): Known<Node> {
    const record = this.#ground.registry.nodes.get(name)
    if (!this.#nodes.has(name) || (record !== undefined && !this.#saidNodes.has(name)))
      return record
    return this.#nodes.get(name) === undefined ? undefined : 'draft'
  }

  putNode(spec: NodeSpec): void {
    const stored = this.#nodes.get(spec.name) ?? this.#ground.nodes.storedOf(spec.name)
    const uuid = spec.uuid ?? stored.spec.uuid
    const told = { ...spec, ...(uuid === undefined ? {} : { uuid }) }
    this.#nodes.set(spec.name, { ...stored, spec: told, isRegistered: true })
    this.#saidNodes.add(spec.name)
  }

  /** With its checks and registrations. */
  dropNode(name: string): void {
    for (const { idOnNode, origin } of this.#ground.registry.nodes.get(name)?.instances.values() ??
      []) {
      if (origin === 'registered') this.dropService(name, idOnNode)
    }
    for (const { node, registration } of this.#services.values()) {
      if (node === name && registration !== undefined) {
        this.dropService(name, registration.spec.idOnNode ?? registration.spec.id)
      }
    }
    this.#nodes.set(name, undefined)
    this.#saidNodes.add(name)
  }

  /** Where instances of a node are that give no address; '' where nobody said. */
  addressOf(node: string): string {
    const stored = this.#nodes.get(node)
    return stored?.spec.address ?? this.#ground.registry.nodes.get(node)?.address ?? ''
  }

  service(node: string, idOnNode: string): Known<Instance> {
    const draft = this.#services.get(keyOf(node, idOnNode))
    if (draft !== undefined && !draft.isChecksOnly)
      return draft.registration === undefined ? undefined : 'draft'
    return this.#ground.registry.nodes.get(node)?.instances.get(idOnNode)
  }

  /** What is registered under the id, with its changes. Throws `ERR_DISCOVERY_INSTANCE_TAKEN` for what never was. */
  registration(node: string, idOnNode: string): Registration | undefined {
    const draft = this.#services.get(keyOf(node, idOnNode))
    return draft === undefined ? this.#registered(node, idOnNode) : draft.registration
  }

  /** Throws `ERR_DISCOVERY_INVALID`, `ERR_DISCOVERY_INSTANCE_TAKEN`. */
  putService(registration: Registration): void {
    refuseOversized(registration)
    const { node = LOCAL_NODE, id, idOnNode = id } = registration.spec
    this.#put(node, idOnNode, registration, false)
  }

  dropService(node: string, idOnNode: string): void {
    this.#put(node, idOnNode, undefined, false)
  }

  check(node: string, id: string): Known<Check> {
    if (this.#statuses.has(keyOf(node, id))) return 'draft'
    const record = this.#ground.registry.nodes.get(node)?.checksById.get(id)
    const isThere = record !== undefined && this.#ownerOf(node, id) !== undefined
    return isThere ? record : undefined
  }

  /** `service`: its id on the node; undefined: a check of the node. */
  putCheck(
    node: string,
    service: string | undefined,
    spec: CheckSpec & { readonly id: string },
    { status, output }: Pick<DraftStatus, 'status' | 'output'>,
  ): void {
    const { id } = spec
    const owner = this.#ownerOf(node, id)
    const known = owner === undefined ? undefined : this.#checksOf(node, owner.service)
    const before = known?.find((one) => one.id === id)
    // Who tells how a check stands does not change how it is made.
    const isSame = owner !== undefined && owner.service === service && before !== undefined
    const wanted = isSame ? { ...before, initially: status } : spec
    if (owner !== undefined && owner.service !== service) this.dropCheck(node, id)
    const others = this.#checksOf(node, service).filter((one) => one.id !== id)
    this.#setChecks(node, service, [...others, { ...wanted, isUniqueOnNode: true }])
    this.#statuses.set(keyOf(node, id), { node, check: id, status, output })
  }

  dropCheck(node: string, id: string): void {
    const owner = this.#ownerOf(node, id)
    this.#statuses.delete(keyOf(node, id))
    if (owner === undefined) return
    const others = this.#checksOf(node, owner.service).filter((one) => one.id !== id)
    this.#setChecks(node, owner.service, others)
  }

  /** All of it, to be stored in one transaction. Throws `DiscoveryError` beyond a limit and for what is somebody else's. */
  plan(): Plan {
    const { nodes, registrations, registry } = this.#ground
    const drops: Plan[] = []
    const puts: (Plan<unknown> & Pick<Registration, 'spec'>)[] = []
    let more = 0
    for (const { registration, before } of this.#services.values()) {
      if (before !== undefined && before.spec.service !== registration?.spec.service) {
        drops.push(registrations.planDrop(before.spec))
      }
      if (registration !== undefined) {
        puts.push({ ...registrations.planPut(registration, { more }), spec: registration.spec })
        more++
      }
    }
    const nodePlans = [...this.#nodes].map(([name, stored]) =>
      stored === undefined ? nodes.planDrop(name) : nodes.planPut(stored),
    )
    const all = [...drops, ...nodePlans, ...puts]
    return {
      statements: all.flatMap(({ statements }) => statements),
      apply: () => {
        for (const plan of [...drops, ...nodePlans]) plan.apply()
        for (const { apply, spec } of puts)
          applyOrForget(apply, () => registrations.forget(spec.service, spec.id))
        for (const { node, check, status, output } of this.#statuses.values()) {
          const record = registry.nodes.get(node)?.checksById.get(check)
          if (record !== undefined)
            registry.checks.report(record, { status, output, durationMs: 0 })
        }
      },
    }
  }

  #put(
    node: string,
    idOnNode: string,
    registration: Registration | undefined,
    isOfChecks: boolean,
  ): void {
    const key = keyOf(node, idOnNode)
    const draft = this.#services.get(key)
    const before = draft === undefined ? this.#registered(node, idOnNode) : draft.before
    if (registration === undefined && before === undefined) this.#services.delete(key)
    else {
      const isChecksOnly = isOfChecks && draft?.isChecksOnly !== false
      this.#services.set(key, { node, registration, before, isChecksOnly })
    }
    if (registration !== undefined) return
    for (const [at, status] of this.#statuses) {
      if (status.node === node && this.#ownerOf(node, status.check) === undefined) {
        this.#statuses.delete(at)
      }
    }
  }

  #registered(node: string, idOnNode: string): Registration | undefined {
    const instance = this.#ground.registry.nodes.get(node)?.instances.get(idOnNode)
    if (instance === undefined) return undefined
    if (instance.origin === 'registered') return registrationOf(instance)
    const twin = instance.twins.find(({ spec }) => spec.idOnNode === idOnNode)
    if (twin === undefined) throw instanceTakenError(instance)
    return twin.registration
  }

  /** Undefined: there is no such check. */
  #ownerOf(node: string, id: string): { readonly service: string | undefined } | undefined {
    const has = (checks: readonly CheckSpec[]) => checks.some((one) => one.id === id)
    if (has(this.#checksOf(node, undefined))) return { service: undefined }
    for (const { node: on, registration } of this.#services.values()) {
      if (on === node && registration !== undefined && has(registration.checks)) {
        return { service: registration.spec.idOnNode ?? registration.spec.id }
      }
    }
    const owner = this.#ground.registry.nodes.get(node)?.checksById.get(id)?.owner
    if (owner === undefined || !('idOnNode' in owner)) return undefined
    return this.#services.has(keyOf(node, owner.idOnNode)) ? undefined : { service: owner.idOnNode }
  }

  #checksOf(node: string, service: string | undefined): readonly CheckSpec[] {
    if (service !== undefined) return this.registration(node, service)?.checks ?? []
    if (this.#nodes.has(node)) return this.#nodes.get(node)?.checks ?? []
    return this.#ground.registry.nodes.get(node)?.checks.map(({ spec }) => spec) ?? []
  }

  #setChecks(node: string, service: string | undefined, checks: readonly CheckSpec[]): void {
    if (service === undefined) {
      const stored = this.#nodes.get(node) ?? this.#ground.nodes.storedOf(node)
      this.#nodes.set(node, { ...stored, checks })
      return
    }
    const registration = this.registration(node, service)
    if (registration === undefined) return
    refuseOversized({ ...registration, checks })
    this.#put(node, service, { ...registration, checks }, true)
  }
}

/** While it was stored the file, or a process, may have taken the id: then it is as if that had come a moment later. */
function applyOrForget(apply: () => unknown, forget: () => Promise<void>): void {
  try {
    apply()
  } catch {
    // It comes back with the next start, and gives way again.
    forget().catch(() => {})
  }
}

function keyOf(node: string, id: string): string {
  return `${node}\n${id}`
}
