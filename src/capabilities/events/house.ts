import type { EventsState } from '../../contracts/events-state.ts'
import type { ListenerReport, ReportedProblem } from '../../contracts/state.ts'
import type { Clock, Log } from '../../platform/capability.ts'
import { ListenerBoard } from '../../platform/listeners/board.ts'
import type { StorageError } from '../../platform/storage/errors.ts'
import type { EventEngine } from './engines/engine.ts'
import { openSqliteEngine } from './engines/sqlite/sqlite-engine.ts'
import { listenerRow } from './listener.ts'
import { openEndpoint } from './protocols/endpoint.ts'
import type { Served } from './protocols/served.ts'
import { Scavenging } from './scavenging.ts'
import { createStore } from './store.ts'
import { Groups } from './subscriptions/groups/group-registry.ts'
import { Tail } from './subscriptions/tail.ts'

/** What it is made of. */
export interface HouseOptions {
  readonly file: string
  readonly state: EventsState
  readonly clock: Clock
  readonly log: Log
  /** What is reported of it has changed. */
  readonly changed: () => void
}

/** Everything of events in this process: the store, who follows it, the listener. */
export class EventsHouse {
  readonly served: Served
  readonly #options: HouseOptions
  readonly #engine: EventEngine
  readonly #groups: Groups
  readonly #tail: Tail
  readonly #scavenging: Scavenging
  #state: EventsState
  #board: ListenerBoard | undefined
  #closeListener: () => Promise<void> = async () => {}

  /** Opens the store; what a kill has left is read first. */
  static async open(options: HouseOptions): Promise<EventsHouse> {
    const { file, clock, log } = options
    const engine = await openSqliteEngine({ file, clock, died: (error) => endProcess(error, log) })
    const tail = new Tail(engine, (error) => log('error', 'new events cannot be read', { error }))
    let limits = options.state.limits
    const store = createStore(engine, clock, () => limits)
    const groups = await Groups.open({ store, tail, log })
    log('info', 'events are open', {
      pid: process.pid,
      end: engine.end(),
      groups: groups.list().length,
    })
    const served = { store, tail, groups, limits: () => limits, log }
    return new EventsHouse(options, { engine, tail, groups, served }, (next) => (limits = next))
  }

  readonly #setLimits: (limits: EventsState['limits']) => void

  private constructor(
    options: HouseOptions,
    parts: {
      readonly engine: EventEngine
      readonly tail: Tail
      readonly groups: Groups
      readonly served: Served
    },
    setLimits: (limits: EventsState['limits']) => void,
  ) {
    this.#options = options
    this.#state = options.state
    this.#engine = parts.engine
    this.#tail = parts.tail
    this.#groups = parts.groups
    this.served = parts.served
    this.#setLimits = setLimits
    const { clock, log } = options
    this.#scavenging = new Scavenging(parts.engine, clock, log, () => this.#state.scavengeMs)
  }

  /** Puts into force what control says. The listener is opened once. */
  async apply(state: EventsState): Promise<void> {
    this.#state = state
    this.#setLimits(state.limits)
    if (this.#board === undefined) await this.#listen(state)
  }

  /** Where it listens. */
  listeners(): readonly ListenerReport[] {
    return (this.#board?.views() ?? []).map(({ id, address, error }) => ({
      name: id,
      address,
      error,
    }))
  }

  /** What is wrong now. */
  problems(): readonly ReportedProblem[] {
    if (!this.#engine.status().isFull) return []
    const text =
      'There is no room for events: appends are refused, reads go on. Make room on the disk that holds the data folder; it works again by itself.'
    return [{ severity: 'error', code: 'ERR_STORAGE_FULL', service: '', instance: '', text }]
  }

  async close(): Promise<void> {
    await this.#closeListener()
    await this.#scavenging.close()
    await this.#groups.close()
    this.#tail.close()
    await this.#engine.close()
  }

  async #listen({ listen, portBefore, hosts, token }: EventsState): Promise<void> {
    const { log, clock } = this.#options
    const board = new ListenerBoard({
      table: { kurrentdb: listenerRow },
      listen,
      sourceOf: () => 'default',
      log,
      clock,
      portsBefore: new Map(portBefore === 0 ? [] : [['kurrentdb', portBefore]]),
    })
    this.#board = board
    const endpoint = await openEndpoint({ served: this.served, hosts, token, clock, log })
    const opened = await board.sockets('kurrentdb', {
      accept: (socket) => endpoint.accept(socket),
      demandsCredentials: token !== undefined,
    })
    this.#closeListener = async () => {
      await endpoint.close()
      await opened?.close()
    }
  }
}

/** What cannot be written must not be served as if it could: the supervisor starts it again. */
function endProcess(error: StorageError, log: Log): void {
  log('error', error.message, { code: error.code })
  process.exit(1)
}
