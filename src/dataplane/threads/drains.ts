import { type CertificateOp, certificateKey } from '../../contracts/certificates.ts'
import type { SnapshotOp, UpdateMessage } from '../../contracts/snapshot.ts'

/** One removal of one instance. `removal` is control's number, or a negative one where control gave none. */
export interface Removal {
  readonly service: string
  readonly id: string
  readonly removal: number
}

/** Knows when the last worker has finished with a removed instance. */
export interface Drains {
  /**
   * The update as workers are to get it: each removal stands in it by name and number, also those that a reset or the end of a service
   * implies. `before` gives all that was routed until now, as the ops of a reset. From here on each new removal is waited for, from every
   * worker that lives now; a later one has nothing of it.
   */
  begin(update: UpdateMessage, before: () => readonly SnapshotOp[]): readonly SnapshotOp[]
  report(worker: number, removal: Removal): void
  /** A dead worker has nothing in flight. */
  lost(worker: number): void
  /** A removal of this instance is not over yet. */
  isOpen(service: string, id: string): boolean
}

interface Entry extends Removal {
  readonly waiting: Set<number>
}

/**
 * `drained` is called once for each removal, when every worker has reported it and all earlier removals of the same instance are over:
 * an instance that left, came back and left again is drained when the requests of both times have ended.
 */
export function createDrains(
  workers: number,
  isAlive: (worker: number) => boolean,
  drained: (removal: Removal) => void,
): Drains {
  /** By instance, oldest first. */
  const open = new Map<string, Entry[]>()
  let ownRemoval = 0

  function find({ service, id, removal }: Removal): Entry | undefined {
    return open.get(keyOf(service, id))?.find((entry) => entry.removal === removal)
  }

  function settle(key: string): void {
    const entries = open.get(key)
    while (entries?.[0]?.waiting.size === 0) {
      const [entry] = entries.splice(0, 1)
      if (entries.length === 0) open.delete(key)
      if (entry !== undefined)
        drained({ service: entry.service, id: entry.id, removal: entry.removal })
    }
  }

  /** Undefined for one that is waited for already: who repeats it after a lost connection is answered when it is over. */
  function expect(service: string, id: string, given: number | undefined): SnapshotOp | undefined {
    const removal = given ?? --ownRemoval
    if (find({ service, id, removal }) !== undefined) return undefined
    const key = keyOf(service, id)
    const living = Array.from({ length: workers }, (_, worker) => worker).filter(isAlive)
    const entries = open.get(key) ?? []
    open.set(key, entries)
    entries.push({ service, id, removal, waiting: new Set(living) })
    // With nobody to ask it is over, but only after the caller has taken it out.
    if (living.length === 0) queueMicrotask(() => settle(key))
    return { op: 'instance-gone', service, id, removal }
  }

  return {
    begin: ({ ops, reset }, before) =>
      withImplied(ops, reset === true, before)
        .map((op) => (op.op === 'instance-gone' ? expect(op.service, op.id, op.removal) : op))
        .filter((op) => op !== undefined),
    report(worker, removal) {
      find(removal)?.waiting.delete(worker)
      settle(keyOf(removal.service, removal.id))
    },
    lost(worker) {
      for (const [key, entries] of open) {
        for (const entry of entries) entry.waiting.delete(worker)
        settle(key)
      }
    },
    isOpen: (service, id) => open.has(keyOf(service, id)),
  }
}

function keyOf(service: string, id: string): string {
  return `${service}\n${id}`
}

/** Puts in front what goes without being named: what a reset does not name, and the instances of a service that ends. */
function withImplied(
  ops: readonly SnapshotOp[],
  isReset: boolean,
  before: () => readonly SnapshotOp[],
): readonly SnapshotOp[] {
  const named = new Set(ops.map(nameOf))
  const ending = new Set(ops.flatMap((op) => (op.op === 'service-gone' ? [op.service] : [])))
  if (!isReset && ending.size === 0) return ops
  const gone = before().flatMap((op): SnapshotOp[] => {
    if (op.op === 'instance') {
      const { service, id } = op.instance
      const goes = ending.has(service) || (isReset && !named.has(nameOf(op)))
      return goes ? [{ op: 'instance-gone', service, id }] : []
    }
    if (isHeld(op)) return isReset && !named.has(nameOf(op)) ? [goneOf(op)] : []
    const isLeft = op.op === 'service' && isReset && !named.has(nameOf(op))
    return isLeft ? [{ op: 'service-gone', service: op.service.name }] : []
  })
  const [instances, services] = [gone.filter(isInstance), gone.filter((op) => !isInstance(op))]
  return [...instances, ...services, ...ops]
}

/** What says that something is there. */
type HeldOp = Extract<
  CertificateOp,
  { op: 'certificate' | 'challenge' | 'trust' | 'client-authority' }
>

const HELD: ReadonlySet<string> = new Set<HeldOp['op']>([
  'certificate',
  'challenge',
  'trust',
  'client-authority',
])

function isHeld(op: SnapshotOp): op is HeldOp {
  return HELD.has(op.op)
}

function goneOf(op: HeldOp): SnapshotOp {
  switch (op.op) {
    case 'certificate':
      return { op: 'certificate-gone', id: op.certificate.id }
    case 'challenge':
      return { op: 'challenge-gone', id: op.challenge.id }
    case 'trust':
      return { op: 'trust-gone', service: op.trust.service }
    case 'client-authority':
      return { op: 'client-authority-gone', name: op.authority.name }
    default:
      return op satisfies never
  }
}

function isInstance(op: SnapshotOp): boolean {
  return op.op === 'instance-gone'
}

/** Equal for the ops that speak of the same thing. */
function nameOf(op: SnapshotOp): string {
  switch (op.op) {
    case 'instance':
      return keyOf(op.instance.service, op.instance.id)
    case 'instance-gone':
      return keyOf(op.service, op.id)
    case 'service':
      return op.service.name
    case 'service-gone':
      return op.service
    case 'gateway':
      return ''
    case 'certificate':
    case 'certificate-gone':
    case 'challenge':
    case 'challenge-gone':
    case 'trust':
    case 'trust-gone':
    case 'client-authority':
    case 'client-authority-gone':
      return certificateKey(op)
    default:
      return op satisfies never
  }
}
