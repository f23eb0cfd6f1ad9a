import { NO_DEADLINE, type Timed } from './deadlines.ts'
import type { CheckSpec, CheckStatus } from './check-spec.ts'
import type {
  Check,
  Health,
  Instance,
  InstanceSpec,
  Lease,
  Node,
  NodeSpec,
  Origin,
  PutOptions,
  StatusOverride,
  TaggedAddress,
  Twin,
  Weights,
} from './model.ts'
import type { Registration } from './registration.ts'

const noTags: readonly string[] = Object.freeze([])
const noMeta: Readonly<Record<string, string>> = Object.freeze({})
const noTagged: Readonly<Record<string, TaggedAddress>> = Object.freeze({})
const weightOne: Weights = Object.freeze({ passing: 1, warning: 1 })
/** Of those that registered nowhere. */
export const noTwins: readonly TwinRecord[] = Object.freeze([])
/** Of those that have none. */
export const noChecks: readonly CheckRecord[] = Object.freeze([])

/** Whose check it is. */
export type CheckOwner = InstanceRecord | NodeRecord

/** What happens to a check when nobody reports, or when it stays critical. */
export interface CheckExpiry extends Timed {
  readonly check: CheckRecord
  readonly kind: 'ttl' | 'critical-for-long'
}

/** A check and how it stands. Its instance may be replaced by a newer record while it lives on. */
export class CheckRecord implements Check {
  readonly id: string
  readonly spec: CheckSpec
  owner: CheckOwner
  status: CheckStatus
  output = ''
  atMs = 0
  durationMs = 0
  createIndex = 0
  modifyIndex = 0
  /** Of a TTL check. */
  ttl: CheckExpiry | undefined = undefined
  /** While it is critical and somebody said after how long that is the end. */
  reap: CheckExpiry | undefined = undefined

  constructor(id: string, spec: CheckSpec, owner: CheckOwner, status: CheckStatus) {
    this.id = id
    this.spec = spec
    this.owner = owner
    this.status = status
  }

  get kind(): CheckSpec['kind'] {
    return this.spec.kind
  }

  get dueAtMs(): number | undefined {
    return this.ttl?.dueAtMs
  }
}

/** The lease of a registration. */
export interface LeaseExpiry extends Timed {
  readonly instance: InstanceRecord
  readonly ttlMs: number
  readonly atEnd: 'remove' | 'critical'
  renewedAtMs: number
}

/** Makes a lease that is not armed yet. */
export function createLease(
  instance: InstanceRecord,
  { ttlMs, atEnd }: Pick<LeaseExpiry, 'ttlMs' | 'atEnd'>,
  nowMs: number,
): LeaseExpiry {
  return { ...NO_DEADLINE, instance, ttlMs, atEnd, renewedAtMs: nowMs }
}

/** What an instance of the house registered of itself, and its lease. */
export interface TwinRecord extends Twin, Timed {
  readonly registration: Registration
  renewedAtMs: number
}

/** What an instance says of itself beside its address, without its twins. */
interface Own {
  readonly idOnNode: string
  readonly isIdDerived: boolean
  readonly tags: readonly string[]
  readonly meta: Readonly<Record<string, string>>
  readonly taggedAddresses: Readonly<Record<string, TaggedAddress>>
}

/** Nodes with the checks that count for all of their instances. */
export class NodeRecord implements Node {
  readonly name: string
  uuid = ''
  address = ''
  taggedAddresses: Readonly<Record<string, string>> = noMeta
  meta: Readonly<Record<string, string>> = noMeta
  checks: readonly CheckRecord[] = noChecks
  maintenance: string | undefined = undefined
  /** Somebody registered it: it stays without instances. */
  isRegistered = false
  /** Nobody sees it any more. */
  isGone = false
  /** By their id on the node. */
  readonly instances = new Map<string, InstanceRecord>()
  /** Checks whose id is unique on the node: its own and those of its instances. */
  readonly checksById = new Map<string, CheckRecord>()
  createIndex: number
  modifyIndex: number
  /** Index of its last change, those of its instances included. */
  index: number

  constructor(name: string, index: number) {
    this.name = name
    this.createIndex = index
    this.modifyIndex = index
    this.index = index
  }

  get instanceCount(): number {
    return this.instances.size
  }
}

/** Takes over what is told of a node. True when it says something new. */
export function describeNode(node: NodeRecord, spec: NodeSpec): boolean {
  const before = JSON.stringify([node.uuid, node.address, node.taggedAddresses, node.meta])
  node.uuid = spec.uuid ?? node.uuid
  node.address = spec.address
  node.taggedAddresses = spec.taggedAddresses ?? noMeta
  node.meta = spec.meta ?? noMeta
  return JSON.stringify([node.uuid, node.address, node.taggedAddresses, node.meta]) !== before
}

/** All instances of one name. */
export class ServiceRecord {
  readonly name: string
  readonly instances = new Map<string, InstanceRecord>()
  /** The file names it: it stays without instances. */
  isDeclared = false
  /** Checks of its instances that bring none. */
  defaultChecks: readonly CheckSpec[] = []
  /** Index of its last change. */
  index: number
  routableCount = 0
  /** Some instance has a priority: only those of the best one that is well are in rotation. */
  hasPriorities = false
  /** The best priority that has an instance that is well. */
  activePriority = Infinity

  constructor(name: string, index: number) {
    this.name = name
    this.index = index
  }
}

/** One instance. Compact: what is empty or default is shared by all. */
export class InstanceRecord implements Instance {
  readonly service: string
  readonly id: string
  idOnNode: string
  /** The id on the node was made from the id: it gives way to one that was asked for. */
  isIdDerived: boolean
  readonly nodeRecord: NodeRecord
  readonly host: string
  readonly port: number
  readonly isHostOfNode: boolean
  readonly origin: Origin
  readonly source: string
  readonly weights: Weights
  tags: readonly string[]
  meta: Readonly<Record<string, string>>
  taggedAddresses: Readonly<Record<string, TaggedAddress>>
  readonly enableTagOverride: boolean
  readonly priority: number
  readonly document: string | undefined
  /** Address of whoever registered it; '' where nobody did over the network. */
  readonly client: string
  readonly alsoAt: Registration['alsoAt']
  twins: readonly TwinRecord[] = noTwins
  /** Undefined: it has no twins, and what stands here is its own. */
  own: Own | undefined = undefined
  checks: readonly CheckRecord[] = noChecks
  leaseExpiry: LeaseExpiry | undefined = undefined
  /** The lease ran out, and it is one that keeps the instance as critical. */
  hasLapsed = false
  override: StatusOverride | undefined = undefined
  overrideReason = ''
  isDraining = false
  /** Nobody sees it any more: it was removed, or replaced by a newer record. */
  isGone = false
  dirtyAtMs: number
  registeredAtMs: number
  createIndex = 0
  modifyIndex = 0
  health: Health = 'unknown'
  weight = 0

  constructor(
    spec: InstanceSpec,
    { origin, source = origin, client = '', alsoAt }: Omit<PutOptions, 'checks' | 'lease'>,
    node: NodeRecord,
    nowMs: number,
  ) {
    this.service = spec.service
    this.id = spec.id
    this.idOnNode = spec.idOnNode ?? spec.id
    this.isIdDerived = spec.idOnNode === undefined
    this.nodeRecord = node
    this.host = spec.host
    this.port = spec.port
    this.isHostOfNode = spec.isHostOfNode === true
    this.origin = origin
    this.source = source
    this.weights = weightsOf(spec.weight)
    this.tags = spec.tags === undefined || spec.tags.length === 0 ? noTags : spec.tags
    this.meta = filledOr(spec.meta, noMeta)
    this.taggedAddresses = filledOr(spec.taggedAddresses, noTagged)
    this.enableTagOverride = spec.enableTagOverride === true
    this.priority = spec.priority ?? 0
    this.document = spec.document
    this.client = client
    this.alsoAt = alsoAt
    this.dirtyAtMs = spec.dirtyAtMs ?? nowMs
    this.registeredAtMs = nowMs
  }

  get node(): string {
    return this.nodeRecord.name
  }

  get isRoutable(): boolean {
    return this.weight > 0
  }

  get lease(): Lease | undefined {
    const lease = this.leaseExpiry
    if (lease === undefined) return undefined
    return { ttlMs: lease.ttlMs, endsAtMs: lease.dueAtMs, renewedAtMs: lease.renewedAtMs }
  }
}

/** Adds what twins say to what an instance says itself; what it says itself comes first. None: takes away what earlier ones said. */
export function describeByTwins(instance: InstanceRecord, twins: readonly TwinRecord[]): void {
  if (twins.length === 0 && instance.own === undefined) return
  const { idOnNode, isIdDerived, tags, meta, taggedAddresses } = instance.own ?? instance
  const own: Own = { idOnNode, isIdDerived, tags, meta, taggedAddresses }
  instance.own = twins.length === 0 ? undefined : own
  instance.twins = twins.length === 0 ? noTwins : twins
  const specs = twins.map(({ spec }) => spec)
  const asked = own.isIdDerived ? specs.find((spec) => spec.idOnNode !== undefined) : undefined
  instance.idOnNode = asked?.idOnNode ?? own.idOnNode
  instance.isIdDerived = asked === undefined && own.isIdDerived
  const allTags = new Set([...own.tags, ...specs.flatMap((spec) => spec.tags ?? [])])
  instance.tags = allTags.size === 0 ? noTags : [...allTags]
  instance.meta = filledOr(Object.assign({}, ...specs.map((spec) => spec.meta), own.meta), noMeta)
  const tagged = specs.map((spec) => spec.taggedAddresses)
  instance.taggedAddresses = filledOr(
    Object.assign({}, ...tagged, own.taggedAddresses) as InstanceRecord['taggedAddresses'],
    noTagged,
  )
}

function filledOr<Value>(
  given: Readonly<Record<string, Value>> | undefined,
  empty: Readonly<Record<string, Value>>,
): Readonly<Record<string, Value>> {
  return given === undefined || Object.keys(given).length === 0 ? empty : given
}

function weightsOf(weight: InstanceSpec['weight']): Weights {
  if (weight === undefined || weight === 1) return weightOne
  return typeof weight === 'number' ? { passing: weight, warning: weight } : weight
}

/** Whether a new specification of the same instance says what is known already. */
export function isSameInstance(a: InstanceRecord, b: InstanceRecord): boolean {
  return a.nodeRecord === b.nodeRecord && saidOf(a) === saidOf(b)
}

function saidOf(one: InstanceRecord): string {
  return JSON.stringify([
    one.host,
    one.port,
    one.isHostOfNode,
    one.origin,
    one.source,
    one.isIdDerived ? '' : one.idOnNode,
    one.weights,
    one.tags,
    one.meta,
    one.taggedAddresses,
    one.enableTagOverride,
    one.priority,
    one.document,
    one.checks.map((check) => check.spec),
  ])
}
