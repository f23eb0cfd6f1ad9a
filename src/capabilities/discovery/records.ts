import type { Clock } from '../../platform/capability.ts'
import { NO_DEADLINE, type Timed } from './deadlines.ts'
import type {
  Check,
  CheckSpec,
  CheckStatus,
  Health,
  Instance,
  InstanceSpec,
  Lease,
  Node,
  Source,
  StatusOverride,
  Weights,
} from './model.ts'

const noTags: readonly string[] = Object.freeze([])
const noMeta: Readonly<Record<string, string>> = Object.freeze({})
const weightOne: Weights = Object.freeze({ passing: 1, warning: 1 })
/** Of instances without TTL checks. */
export const noExpiries: readonly Expiry[] = Object.freeze([])
const noChecks: readonly CheckRecord[] = Object.freeze([])

/** Output of a check that is kept, in characters. */
export const CHECK_OUTPUT_CHARACTERS_MAX = 1024

/** A check and how it stands. Its instance may be replaced by a newer record while it lives on. */
export class CheckRecord implements Check {
  readonly id: string
  readonly kind: Check['kind']
  /** Undefined for the check that stands for maintenance. */
  readonly spec: CheckSpec | undefined
  status: CheckStatus
  output = ''
  atMs = 0
  durationMs = 0

  constructor(id: string, kind: Check['kind'], spec: CheckSpec | undefined, status: CheckStatus) {
    this.id = id
    this.kind = kind
    this.spec = spec
    this.status = status
  }
}

/** A lease or the deadline of a TTL check: what happens when nobody renews. */
export interface Expiry extends Timed {
  readonly ttlMs: number
  /** Changes when a registration is replaced. */
  instance: InstanceRecord
  /** The TTL check that becomes critical; undefined for the lease. */
  readonly check: CheckRecord | undefined
}

/** Makes an expiry that is not armed yet. */
export function createExpiry(instance: InstanceRecord, ttlMs: number, check?: CheckRecord): Expiry {
  return { ...NO_DEADLINE, ttlMs, instance, check }
}

/** Nodes with the checks that count for all of their instances. */
export class NodeRecord implements Node {
  readonly name: string
  address = ''
  meta: Readonly<Record<string, string>> = noMeta
  checks: CheckRecord[] = []
  readonly instances = new Set<InstanceRecord>()

  constructor(name: string) {
    this.name = name
  }

  get instanceCount(): number {
    return this.instances.size
  }
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

  constructor(name: string, index: number) {
    this.name = name
    this.index = index
  }
}

/** One instance. Compact: what is empty or default is shared by all. */
export class InstanceRecord implements Instance {
  readonly service: string
  readonly id: string
  readonly nodeRecord: NodeRecord
  readonly host: string
  readonly port: number
  readonly source: Source
  readonly weights: Weights
  readonly tags: readonly string[]
  readonly meta: Readonly<Record<string, string>>
  checks: readonly CheckRecord[] = noChecks
  leaseExpiry: Expiry | undefined = undefined
  /** The lease ran out, and it is one that keeps the instance as critical. */
  hasLapsed = false
  keepsWhenLapsed = false
  override: StatusOverride | undefined = undefined
  isDraining = false
  dirtyAtMs: number
  registeredAtMs: number
  createIndex = 0
  modifyIndex = 0
  health: Health = 'unknown'
  weight = 0
  /** Of its TTL checks. */
  expiries: readonly Expiry[] = noExpiries

  constructor(spec: InstanceSpec, source: Source, node: NodeRecord, nowMs: number) {
    this.service = spec.service
    this.id = spec.id
    this.nodeRecord = node
    this.host = spec.host
    this.port = spec.port
    this.source = source
    this.weights = weightsOf(spec.weight)
    this.tags = spec.tags === undefined || spec.tags.length === 0 ? noTags : spec.tags
    this.meta = spec.meta === undefined || Object.keys(spec.meta).length === 0 ? noMeta : spec.meta
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
    const expiry = this.leaseExpiry
    return expiry && { ttlMs: expiry.ttlMs, endsAtMs: expiry.dueAtMs }
  }
}

function weightsOf(weight: InstanceSpec['weight']): Weights {
  if (weight === undefined || weight === 1) return weightOne
  return typeof weight === 'number' ? { passing: weight, warning: weight } : weight
}

const severities = { passing: 0, warning: 1, unknown: 2, critical: 3 } as const

/** The worst of the checks; passing when there is none. */
export function worstStatus(checks: readonly Check[], start: CheckStatus = 'passing'): CheckStatus {
  let worst = start
  for (const { status } of checks) if (severities[status] > severities[worst]) worst = status
  return worst
}

/** The worst of draining, override, lease, its checks and those of its node; `up` overrides the checks only. */
export function healthOf(instance: InstanceRecord): Health {
  if (instance.isDraining) return 'draining'
  if (instance.hasLapsed) return 'critical'
  switch (instance.override) {
    case 'up':
      return 'passing'
    case 'out-of-service':
    case 'maintenance':
      return 'critical'
    case undefined:
      return worstStatus(instance.checks, worstStatus(instance.nodeRecord.checks))
  }
}

/** The weight that counts at this health. */
export function weightOf(weights: Weights, health: Health): number {
  if (health === 'passing') return weights.passing
  return health === 'warning' ? weights.warning : 0
}

/** Whether the check is run from here, instead of being reported. */
export function isActive(check: CheckRecord): boolean {
  return check.kind === 'http' || check.kind === 'tcp' || check.kind === 'exec'
}

/** Records of checks that have not run. An id that is used twice gets a number. */
export function createChecks(
  specs: readonly CheckSpec[],
  initially: CheckStatus | undefined,
): readonly CheckRecord[] {
  if (specs.length === 0) return noChecks
  const ids = new Set<string>()
  return specs.map((spec) => {
    const wanted = spec.id ?? spec.kind
    let id = wanted
    for (let count = 2; ids.has(id); count++) id = `${wanted}-${count}`
    ids.add(id)
    const status = initially ?? (spec.kind === 'ttl' ? 'critical' : 'unknown')
    return new CheckRecord(id, spec.kind, spec, status)
  })
}

/**
 * New checks of the same process go on where the old ones stood. An active one that is new starts as passing where the
 * instance is in rotation: another question is no reason to stop its requests.
 */
export function inheritChecks(before: InstanceRecord, checks: readonly CheckRecord[]): void {
  for (const check of checks) {
    const known = before.checks.find((one) => one.id === check.id && one.kind === check.kind)
    if (known !== undefined) {
      check.status = known.status
      check.output = known.output
      check.atMs = known.atMs
      check.durationMs = known.durationMs
    } else if (isActive(check) && before.isRoutable) check.status = 'passing'
  }
}

/** Whether a new specification of the same instance says what is known already. */
export function isSameInstance(a: InstanceRecord, b: InstanceRecord): boolean {
  return (
    a.host === b.host &&
    a.port === b.port &&
    a.source === b.source &&
    a.nodeRecord === b.nodeRecord &&
    a.weights.passing === b.weights.passing &&
    a.weights.warning === b.weights.warning &&
    JSON.stringify([a.tags, a.meta]) === JSON.stringify([b.tags, b.meta]) &&
    JSON.stringify(a.checks.map((check) => check.spec)) ===
      JSON.stringify(b.checks.map((check) => check.spec))
  )
}

/** What the registry asks of its surroundings. */
export interface RegistryHooks {
  readonly clock: Clock
  /** Beyond it a new instance is refused. */
  instancesMax(): number
  /** The first index; every later one is greater. */
  readonly firstIndex: number
  /** Calls `flush` soon, in a later turn: what changes until then is one batch. */
  scheduleFlush(flush: () => void): void
  /** The instance has an active check that must run from now on. */
  startCheck(instance: InstanceRecord, check: CheckRecord): void
  stopCheck(check: CheckRecord): void
  /** A lease ran out and its instance was removed. */
  onLapsed(instance: InstanceRecord): void
  onWatcherError(error: unknown): void
}
