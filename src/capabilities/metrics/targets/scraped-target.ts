import type { ScrapeJob } from '../../../contracts/metrics-state.ts'
import { type Labels, labelsOf } from '../../../mechanisms/labels/labels.ts'
import { staleHigh, staleLow } from '../../../mechanisms/promql/queryable.ts'
import type { Relabel } from '../../../mechanisms/relabel/relabel.ts'
import type { Clock, Log } from '../../../platform/capability.ts'
import type { Store } from '../store/store.ts'
import { fetchTarget } from './fetch-target.ts'
import { ScrapeCache } from './scrape-cache.ts'
import { type Intake, storeFailure, storeScrape } from './store-scrape.ts'

/** A scrape that begins so little late counts as in time: equal distances take less room. */
const LATE_MS_MAX = 50

/** A target, ready to be scraped. */
export interface TargetSpec extends Omit<
  ScrapeJob,
  'targets' | 'relabel' | 'name' | 'scheme' | 'path' | 'metricRelabel'
> {
  /** Equal for targets that are the same in all. */
  readonly key: string
  readonly pool: string
  readonly url: string
  readonly labels: Labels
  readonly discovered: Labels
  readonly metricRelabel: Relabel
}

/** How a scrape went. */
export interface ScrapeResult {
  readonly atMs: number
  readonly durationMs: number
  /** '' where it went well. */
  readonly error: string
  readonly samples: number
}

/** What a target needs of its surroundings. */
export interface TargetGround {
  readonly clock: Clock
  readonly log: Log
  readonly seed: number
  readonly place: () => Promise<void>
  readonly leave: () => void
}

/** Series that are made of each scrape. */
const META = [
  'up',
  'scrape_duration_seconds',
  'scrape_samples_scraped',
  'scrape_samples_post_metric_relabeling',
  'scrape_series_added',
] as const

/** Scrapes one target at its interval until it ends. */
export class Target {
  readonly spec: TargetSpec
  readonly #store: Store
  readonly #ground: TargetGround
  readonly #cache: ScrapeCache
  last: ScrapeResult | undefined
  #cancel = (): void => {}
  #isOver = false
  #dueMs = 0

  constructor(spec: TargetSpec, store: Store, ground: TargetGround) {
    this.spec = spec
    this.#store = store
    this.#ground = ground
    this.#cache = new ScrapeCache(ground.seed)
  }

  /** The first scrape comes at the target's own place within the interval, so that not all come at once. */
  begin(): void {
    const { intervalMs, key } = this.spec
    const nowMs = this.#ground.clock.nowMs()
    const place = hashOf(key) % intervalMs
    this.#dueMs = Math.floor(nowMs / intervalMs) * intervalMs + place
    if (this.#dueMs < nowMs) this.#dueMs += intervalMs
    this.#schedule()
  }

  /** It is a target no more: all its series end. */
  end(): void {
    this.stop()
    const nowMs = this.#ground.clock.nowMs()
    storeFailure(this.#store, this.#cache, nowMs)
    for (const name of META) {
      const ref = this.#refOf(name)
      if (ref >= 0) this.#store.append(ref, nowMs, staleHigh, staleLow)
    }
    void this.#store.commit().catch(() => {})
  }

  /** No more scrapes; its series are left as they are. */
  stop(): void {
    this.#isOver = true
    this.#cancel()
  }

  /** Scrapes once. */
  async scrape(timeMs: number): Promise<void> {
    const { spec, clock, store } = {
      spec: this.spec,
      clock: this.#ground.clock,
      store: this.#store,
    }
    const begin = clock.monotonicMs()
    let intake: Intake = { scraped: 0, kept: 0, added: 0 }
    let error = ''
    try {
      if (store.refusal !== undefined) throw store.refusal
      const answer = await fetchTarget({ ...spec, clock })
      if (this.#isOver) return
      intake = await storeScrape(store, this.#cache, answer, timeMs, {
        ...spec,
        relabel: spec.metricRelabel,
        turn: () => new Promise<void>((resolve) => void clock.nextTurn(resolve)),
      })
    } catch (cause) {
      error = cause instanceof Error ? cause.message : String(cause)
      if (this.#isOver) return
      storeFailure(store, this.#cache, timeMs)
    }
    const durationMs = clock.monotonicMs() - begin
    this.#storeMeta(timeMs, error === '', durationMs, intake)
    this.last = { atMs: timeMs, durationMs, error, samples: intake.scraped }
    // What cannot be written now is kept and written later; the store tells it.
    await store.commit().catch(() => {})
  }

  #schedule(): void {
    const { clock } = this.#ground
    this.#cancel = clock.after(Math.max(0, this.#dueMs - clock.nowMs()), () => void this.#run())
  }

  async #run(): Promise<void> {
    const { clock, log, place, leave } = this.#ground
    await place()
    try {
      const nowMs = clock.nowMs()
      const isInTime = nowMs >= this.#dueMs && nowMs - this.#dueMs <= LATE_MS_MAX
      if (!this.#isOver) await this.scrape(isInTime ? this.#dueMs : nowMs)
    } catch (error) {
      log('error', 'a scrape failed', { url: this.spec.url, error })
    } finally {
      leave()
    }
    if (this.#isOver) return
    const { intervalMs } = this.spec
    this.#dueMs += intervalMs
    // Those that would have come meanwhile are left out, also after the clock has jumped.
    const behindMs = clock.nowMs() - this.#dueMs
    if (behindMs > 0) this.#dueMs += Math.ceil(behindMs / intervalMs) * intervalMs
    else if (behindMs < -2 * intervalMs) this.#dueMs = clock.nowMs() + intervalMs
    this.#schedule()
  }

  #storeMeta(timeMs: number, isUp: boolean, durationMs: number, intake: Intake): void {
    const values = [isUp ? 1 : 0, durationMs / 1_000, intake.scraped, intake.kept, intake.added]
    for (const [at, name] of META.entries()) {
      const ref = this.#refOf(name)
      if (ref >= 0) this.#store.appendValue(ref, timeMs, values[at]!)
    }
  }

  /** -1 where there is no room for another series. */
  #refOf(name: string): number {
    const { names, values } = this.spec.labels
    const pairs = names.map((label, at) => [label, values[at]!] as const)
    try {
      return this.#store.seriesOf(labelsOf([...pairs, ['__name__', name]]))
    } catch {
      return -1
    }
  }
}

/** FNV-1a: the same place in every run. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  }
  return hash >>> 0
}
