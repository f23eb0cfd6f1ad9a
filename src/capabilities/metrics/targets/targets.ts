import { createHash } from 'node:crypto'
import type { DiscoveredTarget, ScrapeJob } from '../../../contracts/metrics-state.ts'
import { type Labels, labelsOf } from '../../../mechanisms/labels/labels.ts'
import type { Relabel } from '../../../mechanisms/relabel/relabel.ts'
import type { Clock, Log } from '../../../platform/capability.ts'
import type { Store } from '../store/store.ts'
import { type ScrapeResult, Target, type TargetSpec } from './scraped-target.ts'

/** Targets that are scraped at the same time. */
export const SCRAPES_MAX = 32

/** A target as people see it. */
export interface TargetView {
  readonly pool: string
  readonly url: string
  readonly labels: Labels
  readonly discovered: Labels
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Undefined before the first scrape. */
  readonly last: ScrapeResult | undefined
}

/** What is scraped: each target by itself, spread over the interval. */
export class Targets {
  readonly #store: Store
  readonly #clock: Clock
  readonly #log: Log
  readonly #seed: number
  readonly #targets = new Map<string, Target>()
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(store: Store, clock: Clock, log: Log, seed: number) {
    this.#store = store
    this.#clock = clock
    this.#log = log
    this.#seed = seed
  }

  /** All, by job and address. */
  all(): readonly TargetView[] {
    return this.scraped().map(({ spec, last }) => ({ ...spec, last }))
  }

  /** The targets themselves. */
  scraped(): readonly Target[] {
    return [...this.#targets.values()]
  }

  /** These jobs are in force from now on: targets that stay as they are go on, others end or begin. */
  async set(jobs: readonly ScrapeJob[]): Promise<void> {
    const wanted = new Map<string, TargetSpec>()
    for (const job of jobs) {
      const [relabel, metricRelabel] = await Promise.all(
        [job.relabel, job.metricRelabel].map(compile),
      )
      for (const target of job.targets) {
        const spec = specOf(job, target, relabel!, metricRelabel!)
        if (spec !== undefined) wanted.set(spec.key, spec)
      }
    }
    for (const [key, target] of this.#targets) {
      if (wanted.has(key)) continue
      this.#targets.delete(key)
      target.end()
    }
    for (const [key, spec] of wanted) {
      if (this.#targets.has(key)) continue
      const target = new Target(spec, this.#store, {
        clock: this.#clock,
        log: this.#log,
        seed: this.#seed,
        place: () => this.#place(),
        leave: () => this.#leave(),
      })
      this.#targets.set(key, target)
      target.begin()
    }
  }

  close(): void {
    for (const target of this.#targets.values()) target.stop()
    this.#targets.clear()
  }

  /** Resolves when there is room for another scrape. */
  #place(): Promise<void> {
    if (this.#running < SCRAPES_MAX) {
      this.#running++
      return Promise.resolve()
    }
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #leave(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#running--
    else next()
  }
}

/** What relabels is loaded with the first rule: most have none. */
async function compile(rules: ScrapeJob['relabel']): Promise<Relabel> {
  if (rules.length === 0) return (labels) => labels
  const { compileRelabel } = await import('../../../mechanisms/relabel/relabel.ts')
  return compileRelabel(rules, (text) => createHash('md5').update(text).digest().readBigUInt64BE(8))
}

/** The target after its rules; undefined where they drop it. Labels with two underscores in front are gone then. */
function specOf(
  job: ScrapeJob,
  { address, labels }: DiscoveredTarget,
  relabel: Relabel,
  metricRelabel: Relabel,
): TargetSpec | undefined {
  const discovered = labelsOf([
    ['job', job.name],
    ['__address__', address],
    ['__scheme__', job.scheme],
    ['__metrics_path__', job.path],
    ['__scrape_interval__', `${job.intervalMs / 1_000}s`],
    ['__scrape_timeout__', `${job.timeoutMs / 1_000}s`],
    ...Object.entries(labels),
  ])
  const relabelled = relabel(discovered)
  if (relabelled === undefined || relabelled.get('__address__') === '') return undefined
  const parameters = new URLSearchParams()
  for (const [at, name] of relabelled.names.entries()) {
    if (!name.startsWith('__param_')) continue
    parameters.append(name.slice('__param_'.length), relabelled.values[at]!)
  }
  const query = parameters.size === 0 ? '' : `?${parameters.toString()}`
  const finalAddress = relabelled.get('__address__')
  const path = relabelled.get('__metrics_path__')
  const url = `${relabelled.get('__scheme__')}://${finalAddress}${path}${query}`
  const kept = relabelled.names.flatMap((name, at) =>
    name.startsWith('__') ? [] : [[name, relabelled.values[at]!] as const],
  )
  const final = labelsOf([['instance', finalAddress], ...kept])
  const { targets: _targets, relabel: _relabel, name, scheme: _scheme, path: _path, ...rest } = job
  return {
    ...rest,
    key: JSON.stringify([url, final.signature, { ...rest, name }]),
    pool: name,
    url,
    labels: final,
    discovered,
    metricRelabel,
  }
}
