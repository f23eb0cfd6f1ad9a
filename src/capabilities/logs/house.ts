import { join } from 'node:path'
import type { LogsState } from '../../contracts/logs-state.ts'
import type { OtlpMetricsSink } from '../../contracts/otlp-metrics.ts'
import type { ListenerReport, ReportedProblem } from '../../contracts/state.ts'
import type { Clock, Log } from '../../platform/capability.ts'
import { ListenerBoard } from '../../platform/listeners/board.ts'
import type { RedactRule } from './ingest/clean.ts'
import { Ingest } from './ingest/ingest.ts'
import { RequestSpans } from './ingest/requests.ts'
import { logListeners } from './listeners.ts'
import { Queries } from './query/queries.ts'
import { SignalsStore, type StoreKeeping } from './store/store.ts'

/** The store looks so often after what is due. */
const UPKEEP_MS = 10_000

/** What it is made of. */
export interface HouseOptions {
  readonly folder: string
  readonly state: LogsState
  readonly clock: Clock
  readonly log: Log
  readonly metricsSink: () => OtlpMetricsSink | undefined
  /** What is reported of it has changed. */
  readonly changed: () => void
}

/** Everything of logs and traces in this process: the store, what takes, what answers. */
export class LogsHouse {
  readonly store: SignalsStore
  readonly ingest: Ingest
  readonly requests: RequestSpans
  readonly queries: Queries
  readonly #options: HouseOptions
  readonly #stopUpkeep: () => void
  #state: LogsState
  #board: ListenerBoard | undefined
  #closeListeners: (() => Promise<void>)[] = []
  #upkeep: Promise<void> = Promise.resolve()
  #pattern = ''

  /** Opens the store: what a kill has left is mended first. */
  static async open(options: HouseOptions): Promise<LogsHouse> {
    const { folder, clock, log, state } = options
    const store = await SignalsStore.open({
      folder,
      clock,
      log,
      pendingMax: state.memory.waitingMax,
    })
    return new LogsHouse(options, store)
  }

  constructor(options: HouseOptions, store: SignalsStore) {
    const { clock, log, state, folder } = options
    this.#options = options
    this.#state = state
    this.store = store
    this.ingest = new Ingest(store, clock)
    this.requests = new RequestSpans(this.ingest, clock, log)
    this.queries = new Queries({
      store,
      clock,
      log,
      engine: {
        folder,
        spillFolder: join(folder, 'spill', 'query'),
        memoryBytesMax: state.memory.queryBytesMax,
        spillBytesMax: 4 * state.memory.queryBytesMax,
        threads: 2,
      },
      timeoutMs: () => this.#state.query.timeoutMs,
    })
    this.#stopUpkeep = clock.every(UPKEEP_MS, () => this.#keepUp())
  }

  /** Puts into force what control says. Listeners are opened once. */
  async apply(state: LogsState): Promise<void> {
    this.#state = state
    this.ingest.setRules({ redacts: state.redact.secrets, rules: await rulesOf(state) })
    this.requests.setRate(state.gateway.spansPerSecond)
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
    const { failure, logs, spans } = this.store
    const sealing = logs.sealFailure === '' ? spans.sealFailure : logs.sealFailure
    return [
      ...(failure === undefined ? [] : [problem('error', failure.code, failure.message)]),
      ...(sealing === ''
        ? []
        : [
            problem(
              'warning',
              'ERR_LOGS_SEAL',
              `Records stay in segments, and queries are slower: ${sealing}`,
            ),
          ]),
    ]
  }

  async close(): Promise<void> {
    this.#stopUpkeep()
    for (const close of this.#closeListeners) await close()
    await this.queries.close()
    await this.#upkeep
    await this.store.close()
  }

  #keepUp(): void {
    const { log, changed } = this.#options
    this.#upkeep = this.#upkeep
      .then(() => this.store.maintain(keepingOf(this.#state)))
      .catch((error: unknown) => log('error', 'logs cannot be tidied', { error }))
      .then(() => this.#tellProblems(changed))
  }

  /** Only what is new is told. */
  #tellProblems(changed: () => void): void {
    const pattern = JSON.stringify(this.problems())
    if (pattern !== this.#pattern) changed()
    this.#pattern = pattern
  }

  async #listen(state: LogsState): Promise<void> {
    const { log, clock, metricsSink } = this.#options
    const { listen, hosts, token } = state
    const board = new ListenerBoard({
      table: logListeners,
      listen,
      sourceOf: () => 'default',
      log,
      clock,
      portsBefore: new Map(Object.entries(state.portsBefore)),
    })
    this.#board = board
    const needs = { ingest: this.ingest, metrics: metricsSink, nowMs: () => clock.nowMs() }
    const { openLogListeners } = await import('./ingest/open-listeners.ts')
    this.#closeListeners = await openLogListeners(
      board,
      { ...needs, store: this.store },
      { hosts, token },
      clock,
    )
  }
}

function problem(severity: 'error' | 'warning', code: string, text: string): ReportedProblem {
  return { severity, code, service: '', instance: '', text }
}

function keepingOf({ retention }: LogsState): StoreKeeping {
  const { rules, bytesMax } = retention
  return {
    logs: { timeMs: retention.logsMs, rules },
    spans: { timeMs: retention.spansMs, rules },
    bytesMax,
  }
}

/** RE2 is loaded with the first rule: most files have none. */
async function rulesOf({ redact }: LogsState): Promise<readonly RedactRule[]> {
  if (redact.rules.length === 0) return []
  const { RE2JS } = await import('re2js')
  return redact.rules.map(({ pattern, by }) => {
    const compiled = RE2JS.compile(pattern)
    return { replace: (text) => compiled.matcher(text).replaceAll(by) }
  })
}
