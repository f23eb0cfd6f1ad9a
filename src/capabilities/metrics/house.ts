import type { FastifyInstance } from 'fastify'
import type { MetricsState } from '../../contracts/metrics-state.ts'
import type { ListenerReport, ReportedProblem } from '../../contracts/state.ts'
import type { Clock, Log } from '../../platform/capability.ts'
import { formatDurationMs } from '../../platform/config/units.ts'
import { labelsOf } from '../../mechanisms/labels/labels.ts'
import { renderMetrics } from '../../platform/metrics-text.ts'
import { ListenerBoard } from '../../platform/listeners/board.ts'
import type { ApiNeeds } from './api/needs.ts'
import type { QueryPool } from './query/query-pool.ts'
import type { RuleReport } from './rules/rule-ground.ts'
import type { RuleGroups } from './rules/rule-groups.ts'
import { openStore } from './store/open-store.ts'
import type { Retention } from './store/retention.ts'
import type { Store } from './store/store.ts'
import { listenerRow } from './listener.ts'
import { storeMetrics } from './store-metrics.ts'
import { ScrapeCache } from './targets/scrape-cache.ts'
import { storeScrape } from './targets/store-scrape.ts'
import { Targets } from './targets/targets.ts'

/** The store looks so often after what is due. */
const UPKEEP_MS = 30_000
/** So much of the log is read at a start, at most and about. */
const REPLAY_BYTES_MAX = 32 * 1024 * 1024
/** Threads that evaluate rules, beside those of queries. */
const RULE_THREADS_MAX = 1
/** The step of subqueries in rules that name none. */
const SUBQUERY_STEP_MS = 60_000
const EXEMPLARS_MAX = 10_000
const METADATA_MAX = 50_000

/** What it is made of. */
export interface HouseOptions {
  readonly folder: string
  readonly seed: number
  readonly state: MetricsState
  readonly clock: Clock
  readonly log: Log
  /** What is reported of it has changed. */
  readonly changed: () => void
  /** Told of alerts after each evaluation of their rule. */
  readonly tellAlerts: (report: RuleReport) => void
}

/** Everything of metrics in this process: the store, the targets, the API. */
export class MetricsHouse {
  readonly store: Store
  readonly targets: Targets
  #rules: RuleGroups | undefined
  #rulePool: QueryPool | undefined
  readonly #options: HouseOptions
  readonly #startedAtMs: number
  readonly #own: ScrapeCache
  readonly #stops: (() => void)[] = []
  #state: MetricsState
  #retention: Retention
  #board: ListenerBoard | undefined
  #pool: QueryPool | undefined
  #upkeep: Promise<void> = Promise.resolve()
  #closeListener: () => Promise<void> = async () => {}

  /** Opens the store: what a kill has left is read first. */
  static async open(options: HouseOptions): Promise<MetricsHouse> {
    const { folder, clock, log, seed, state } = options
    const { store, replay } = await openStore({
      folder,
      clock,
      log,
      seed,
      limits: {
        ...state.limits,
        replayBytesMax: REPLAY_BYTES_MAX,
        exemplarsMax: EXEMPLARS_MAX,
        metadataMax: METADATA_MAX,
      },
    })
    log('info', 'metrics are open', { series: store.series.count, ...replay })
    return new MetricsHouse(options, store)
  }

  constructor(options: HouseOptions, store: Store) {
    const { clock, log, seed, state } = options
    this.#options = options
    this.store = store
    this.#state = state
    this.#retention = retentionOf(state, [])
    this.#startedAtMs = clock.nowMs()
    this.#own = new ScrapeCache(seed)
    this.targets = new Targets(store, clock, log, seed)
    this.#stops.push(clock.every(UPKEEP_MS, () => this.#keepUp()))
  }

  /** Puts into force what control says. The listener is opened once. */
  async apply(state: MetricsState): Promise<void> {
    this.#state = state
    this.#retention = retentionOf(state, await rulesOf(state))
    await this.targets.set(state.jobs)
    await this.#applyRules(state)
    if (this.#board === undefined) await this.#listen(state)
  }

  /** Stores samples that control tells of all of us, and those of the store itself. */
  async takeOwn(atMs: number, text: string): Promise<void> {
    const { clock } = this.#options
    await storeScrape(
      this.store,
      this.#own,
      {
        contentType: 'text/plain',
        body: Buffer.from(text + renderMetrics(storeMetrics(this.store))),
      },
      atMs,
      {
        labels: labelsOf([['job', 'backplane']]),
        honorLabels: true,
        honorTimestamps: false,
        sampleLimit: 0,
        labelLimit: 0,
        labelNameLengthLimit: 0,
        labelValueLengthLimit: 0,
        relabel: (labels) => labels,
        turn: () => new Promise<void>((resolve) => void clock.nextTurn(resolve)),
      },
    )
    await this.store.commit()
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
    return [
      ...storeProblems(this.store),
      ...this.targets
        .all()
        .flatMap(({ last, url, labels, pool }) =>
          last === undefined || last.error === ''
            ? []
            : [targetProblem(labels.get('service'), pool, url, last.error)],
        )
        .slice(0, 50),
    ]
  }

  async close(): Promise<void> {
    for (const stop of this.#stops) stop()
    this.targets.close()
    await this.#closeListener()
    const stopping = this.#rules?.close()
    await this.#rulePool?.close()
    await stopping
    await this.#pool?.close()
    await this.#upkeep
    await this.store.close()
  }

  /** What evaluates rules is loaded with the first rule. */
  async #applyRules({ rules }: MetricsState): Promise<void> {
    if (rules.length === 0 && this.#rules === undefined) return
    this.#rules ??= await this.#startRules()
    await this.#rules.set(rules)
  }

  async #startRules(): Promise<RuleGroups> {
    const { clock, log, tellAlerts } = this.#options
    const [{ RuleGroups: Groups }, { QueryPool: Pool }] = await Promise.all([
      import('./rules/rule-groups.ts'),
      import('./query/query-pool.ts'),
    ])
    // Threads of their own: queries of people do not keep alerts waiting.
    const pool = new Pool(this.store.queries, clock, log, RULE_THREADS_MAX)
    this.#rulePool = pool
    return new Groups({
      store: this.store,
      clock,
      log,
      query: (text, timeMs) =>
        pool.samples({
          ...this.#state.query,
          text,
          time: { kind: 'instant', timeMs },
          subqueryStepMs: SUBQUERY_STEP_MS,
        }),
      externalUrl: () => this.#state.externalUrl,
      tell: tellAlerts,
    })
  }

  #keepUp(): void {
    const { log, changed } = this.#options
    this.#upkeep = this.#upkeep
      .then(() => this.store.maintain(this.#retention))
      .catch((error: unknown) => log('error', 'metrics cannot be tidied', { error }))
    changed()
  }

  async #listen(state: MetricsState): Promise<void> {
    const { log, clock } = this.#options
    const { listen, hosts, token } = state
    const board = new ListenerBoard({
      table: { prometheus: listenerRow },
      listen,
      sourceOf: () => 'default',
      log,
      clock,
      portsBefore: new Map(state.portBefore === 0 ? [] : [['prometheus', state.portBefore]]),
    })
    this.#board = board
    const { prometheusFailure } = await import('./api/failure.ts')
    const opened = await board.http('prometheus', {
      register: (app) => this.#register(app),
      hosts,
      token,
      section: 'metrics',
      failure: prometheusFailure,
      isLazy: true,
    })
    if (opened !== undefined) this.#closeListener = () => opened.close()
  }

  /** What the API answers from. What evaluates queries is loaded with the first one. */
  apiNeeds(): ApiNeeds {
    const { clock, log } = this.#options
    return {
      store: this.store,
      pool: { run: async (job, signal) => (await this.#openPool()).run(job, signal) },
      targets: this.targets,
      rules: () => this.#rules?.all ?? [],
      clock,
      log,
      limits: () => this.#state.query,
      configuration: () => configurationOf(this.#state),
      startedAtMs: this.#startedAtMs,
      retentionText: () => formatDurationMs(this.#state.retention.timeMs),
    }
  }

  /** Loaded when somebody asks first. */
  async #register(app: FastifyInstance): Promise<void> {
    const { registerPrometheusApi } = await import('./api/prometheus-api.ts')
    registerPrometheusApi(app, this.apiNeeds())
  }

  async #openPool(): Promise<QueryPool> {
    const { clock, log } = this.#options
    const { QueryPool: Pool } = await import('./query/query-pool.ts')
    this.#pool ??= new Pool(this.store.queries, clock, log)
    return this.#pool
  }
}

function retentionOf({ retention }: MetricsState, rules: Retention['rules']): Retention {
  return { timeMs: retention.timeMs, bytesMax: retention.bytesMax, rules }
}

/** Selectors are read with the first rule: most files have none. */
async function rulesOf({ retention }: MetricsState): Promise<Retention['rules']> {
  if (retention.rules.length === 0) return []
  const { parseSelector } = await import('../../mechanisms/promql/syntax/parse.ts')
  return retention.rules.map(({ match, timeMs }) => ({
    matchers: parseSelector(match, {
      experimentalFunctions: false,
      extendedRangeSelectors: false,
      fillModifiers: false,
    }),
    timeMs,
  }))
}

function storeProblems(store: Store): readonly ReportedProblem[] {
  const problem = (code: string, text: string, key = ''): ReportedProblem => ({
    severity: 'error',
    code,
    service: '',
    instance: '',
    key,
    text,
  })
  return [
    ...(store.failure === undefined
      ? []
      : [problem('ERR_METRICS_WAL_WRITE', store.failure.message)]),
    ...store.blocks.bad.map(({ path, reason }) =>
      problem('ERR_METRICS_BLOCK_CORRUPT', `${path}: ${reason}`, path),
    ),
    ...store.guard
      .explosions()
      .slice(0, 10)
      .map(({ metric, label, overflowed }) =>
        problem(
          'ERR_METRICS_LABEL_EXPLODES',
          `The label ${label} of ${metric} has more values than metrics.labelValues allows: ${overflowed} series were put together as ${label}="__overflow__".`,
          `${metric} ${label}`,
        ),
      ),
  ]
}

function targetProblem(service: string, pool: string, url: string, error: string): ReportedProblem {
  return {
    severity: 'warning',
    code: 'ERR_METRICS_TARGET_DOWN',
    service,
    instance: '',
    key: `${pool} ${url}`,
    text: `The target ${url} cannot be scraped: ${error}`,
  }
}

/** What Prometheus would have in its file, as far as it is the same. */
function configurationOf({ jobs }: MetricsState): string {
  const lines = jobs.flatMap(({ name, intervalMs, timeoutMs, path, scheme, targets }) => [
    `- job_name: ${JSON.stringify(name)}`,
    `  scrape_interval: ${intervalMs / 1_000}s`,
    `  scrape_timeout: ${timeoutMs / 1_000}s`,
    `  metrics_path: ${JSON.stringify(path)}`,
    `  scheme: ${scheme}`,
    '  static_configs:',
    `  - targets: ${JSON.stringify(targets.map(({ address }) => address))}`,
  ])
  return ['scrape_configs:', ...lines, ''].join('\n')
}
