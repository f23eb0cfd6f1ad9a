import type {
  BreakerOrder,
  BreakerSpec,
  BreakerState,
  ResilienceEvent,
  ResilienceMessage,
} from '../../contracts/resilience.ts'
import type { SnapshotOp } from '../../contracts/snapshot.ts'
import type { Breaker, BreakerView } from '../../mechanisms/breaker/breaker.ts'
import { BREAKER } from '../../mechanisms/breaker/breaker-policy.ts'
import { explainBreaker } from '../../mechanisms/breaker/explain.ts'
import type { Clock } from '../../platform/capability.ts'
import { recordAt } from '../shared/resilience-memory.ts'
import { breakerOfInstance, breakerOfService } from './breakers.ts'
import { LoadWatch } from './load-watch.ts'
import type { WorkerLoad } from './service-load.ts'

/** Events that wait for a control plane; beyond it the oldest are forgotten. */
export const EVENTS_WAITING_MAX = 1_000

const STATES = {
  [BREAKER.closed]: 'closed',
  [BREAKER.open]: 'open',
  [BREAKER.halfOpen]: 'half-open',
} as const
const KINDS = { closed: 'closed', open: 'opened', 'half-open': 'half-open' } as const

/** What each worker finds out by itself. */
const BY_WORKERS: ReadonlySet<string> = new Set(['ejected', 'overloaded', 'relieved'])

interface Row {
  readonly service: string
  readonly instance: string
  readonly breaker: Breaker
  /** What was seen last. */
  state: BreakerState['state']
  order: BreakerOrder
  period: number
}

interface Known {
  spec: BreakerSpec | undefined
  place: number
  readonly places: Map<string, number>
  readonly rows: Map<string, Row>
}

/** Main thread: looks at the breakers in shared memory, and tells what has changed. */
export class BreakerWatch {
  readonly #memory: SharedArrayBuffer
  readonly #clock: Clock
  readonly #services = new Map<string, Known>()
  readonly #loads = new LoadWatch()
  #changed = new Map<string, BreakerState>()
  #events: ResilienceEvent[] = []
  #mustReset = true

  constructor(memory: SharedArrayBuffer, clock: Clock) {
    this.#memory = memory
    this.#clock = clock
  }

  /** What the workers were told; `placeOf` knows where it is counted: a service, or one of its instances. */
  apply(ops: readonly SnapshotOp[], placeOf: (service: string, id?: string) => number): void {
    for (const op of ops) {
      switch (op.op) {
        case 'gateway':
        case 'certificate':
        case 'certificate-gone':
        case 'challenge':
        case 'challenge-gone':
        case 'trust':
        case 'trust-gone':
        case 'issuer':
        case 'issuer-gone':
        case 'quotas':
        case 'client-authority':
        case 'client-authority-gone':
          break
        case 'service': {
          const place = placeOf(op.service.name)
          this.#loads.know(op.service, recordAt(this.#memory, place))
          this.#applyService(op.service.name, op.service.breaker, place)
          break
        }
        case 'service-gone': {
          for (const id of this.#services.get(op.service)?.rows.keys() ?? [])
            this.#gone(op.service, id)
          this.#services.delete(op.service)
          this.#loads.forget(op.service)
          break
        }
        case 'instance': {
          const { service, id } = op.instance
          this.#services.get(service)?.places.set(id, placeOf(service, id))
          this.#refresh(service, id)
          break
        }
        case 'instance-gone':
          this.#services.get(op.service)?.places.delete(op.id)
          this.#refresh(op.service, op.id)
          break
        default:
          op satisfies never
      }
    }
  }

  #applyService(name: string, spec: BreakerSpec | undefined, place: number): void {
    const known = this.#services.get(name)
    if (known === undefined) {
      this.#services.set(name, { spec, place, places: new Map(), rows: new Map() })
    } else {
      known.spec = spec
      known.place = place
    }
    this.#refresh(name, '')
    for (const id of known?.places.keys() ?? []) this.#refresh(name, id)
  }

  /** Makes the row of a service ('') or an instance agree with what is known of it. */
  #refresh(service: string, id: string): void {
    const known = this.#services.get(service)
    if (known === undefined) return
    const row = known.rows.get(id)
    const place = id === '' ? known.place : known.places.get(id)
    const make = id === '' ? breakerOfService : breakerOfInstance
    const breaker =
      place === undefined
        ? null
        : make(known.spec, row?.breaker ?? null, recordAt(this.#memory, place))
    if (breaker === null) {
      if (row !== undefined) this.#gone(service, id)
      known.rows.delete(id)
      return
    }
    if (row !== undefined) return
    const state = 'closed'
    known.rows.set(id, { service, instance: id, breaker, state, order: 'auto', period: -1 })
  }

  #gone(service: string, instance: string): void {
    const gone = {
      state: 'closed',
      order: 'auto',
      period: -1,
      openUntilMs: 0,
      because: '',
    } as const
    this.#changed.set(`${service}\n${instance}`, { service, instance, ...gone })
  }

  /** Looks at all breakers. Returns what has happened since the last look. */
  look(): readonly ResilienceEvent[] {
    const events: ResilienceEvent[] = []
    for (const { rows } of this.#services.values()) {
      for (const row of rows.values()) this.#lookAt(row, events)
    }
    for (const event of events) this.note(event)
    return events
  }

  #lookAt(row: Row, events: ResilienceEvent[]): void {
    const view = row.breaker.view()
    if (view.period === row.period && view.mode === row.order) return
    const { service, instance } = row
    const state = STATES[view.state]
    const isNews =
      state !== row.state || (view.state !== BREAKER.closed && view.period !== row.period)
    row.state = state
    row.order = view.mode
    row.period = view.period
    const told = this.#tell(row, view)
    this.#changed.set(`${service}\n${instance}`, told)
    if (!isNews) return
    const { because } = told
    events.push({ atMs: this.#clock.nowMs(), service, instance, kind: KINDS[state], because })
  }

  #tell({ service, instance, state, order, period }: Row, view: BreakerView): BreakerState {
    const nowMs = this.#clock.monotonicMs()
    const isOpen = state === 'open' && order === 'auto'
    const openUntilMs = isOpen ? Math.round(view.openUntilMs - nowMs + this.#clock.nowMs()) : 0
    const because = explainBreaker(view, nowMs)
    return { service, instance, state, order, period, openUntilMs, because }
  }

  /** What a worker says of the load of its services. */
  addLoads(worker: number, rows: readonly WorkerLoad[]): void {
    this.#loads.add(worker, rows)
  }

  /** A worker has died. */
  forgetWorker(worker: number): void {
    this.#loads.forgetWorker(worker)
  }

  /** Something else that belongs into the same history. What several workers did in the same second is told once. */
  note(event: ResilienceEvent): void {
    const { kind, service, instance } = event
    const isTold = this.#events.some(
      (one) => one.kind === kind && one.service === service && one.instance === instance,
    )
    if (isTold && BY_WORKERS.has(kind)) return
    this.#events.push(event)
    if (this.#events.length > EVENTS_WAITING_MAX) this.#events.shift()
  }

  /** Somebody new listens: everything is told again, but for what has happened before. */
  restart(): void {
    this.#mustReset = true
    this.#loads.restart()
    for (const { rows } of this.#services.values()) {
      for (const row of rows.values()) {
        const told = this.#tell(row, row.breaker.view())
        if (row.period >= 0) this.#changed.set(`${row.service}\n${row.instance}`, told)
      }
    }
  }

  /** What was not told yet; undefined: nothing. */
  take(): ResilienceMessage | undefined {
    const loads = this.#loads.take(this.#clock.monotonicMs())
    const isQuiet = this.#changed.size === 0 && this.#events.length === 0 && loads.length === 0
    if (isQuiet && !this.#mustReset) return undefined
    const reset = this.#mustReset ? { reset: true as const } : {}
    const breakers = [...this.#changed.values()]
    const events = this.#events
    this.#changed = new Map()
    this.#events = []
    this.#mustReset = false
    return { type: 'resilience', ...reset, breakers, events, loads }
  }
}
