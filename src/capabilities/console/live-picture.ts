import { callerOf } from '../../contracts/callers.ts'
import type { Picture } from '../../contracts/feed.ts'
import type { EdgeTotals } from '../../contracts/snapshot.ts'
import type { Clock } from '../../platform/capability.ts'
import { createFeedHub, type FeedHub } from './feed-hub.ts'
import type { ConsoleNeeds } from './needs.ts'
import { createServiceViews } from './picture.ts'
import { createProblemClock } from './problems.ts'
import { createTickStore, type EdgeFailures } from './ticks.ts'

/** Changes are gathered for this long before the picture is compared: a burst costs one comparison. */
const GATHER_MS = 50

/** Time between two ticks. */
const TICK_MS = 1_000

export interface PictureOptions {
  readonly system: string
  readonly version: string
}

/** The picture of the whole system, kept current, and told to every open console. */
export class LivePicture {
  readonly hub: FeedHub = createFeedHub(() => this.whole())
  readonly #options: PictureOptions
  readonly #needs: ConsoleNeeds
  readonly #clock: Clock
  readonly #startedAtMs: number
  readonly #ticks = createTickStore()
  readonly #problems = createProblemClock()
  readonly #views: ReturnType<typeof createServiceViews>
  #lastTotalsMs: number
  #cancelTick = (): void => {}
  #ejected: ReadonlySet<string> = new Set()
  #isGathering = false

  constructor(options: PictureOptions, needs: ConsoleNeeds, clock: Clock) {
    this.#options = options
    this.#needs = needs
    this.#clock = clock
    this.#startedAtMs = clock.nowMs()
    this.#lastTotalsMs = clock.monotonicMs()
    this.#views = createServiceViews(needs, () => clock.nowMs())
    needs.processes.onChange((services) => this.touch(services))
    needs.discovery.subscribe('all', ({ changes, services }) => {
      this.touch([
        ...changes.map(({ instance }) => instance.service),
        ...services.map(({ name }) => name),
      ])
    })
    needs.gateway.totals.onTotals((message) => {
      this.#lastTotalsMs = clock.monotonicMs()
      this.#take(message.atMs)
    })
    this.#tickWithoutData()
    void this.#remember()
  }

  whole(): Picture {
    const { system, version } = this.#options
    const startedAtMs = this.#startedAtMs
    return { name: system, version, startedAtMs, ...this.#parts(), ticks: this.#ticks.ticks() }
  }

  /** The newest numbers. */
  tick(): Picture['ticks'][number] | undefined {
    return this.#ticks.ticks().at(-1)
  }

  /** What goes wrong now, by edge. */
  failures(): readonly EdgeFailures[] {
    return this.#ticks.failures()
  }

  /** Something of these services has changed; of all, where none are named. */
  touch(services?: Iterable<string>): void {
    this.#views.touch(services)
    if (this.#isGathering || this.hub.subscriberCount === 0) return
    this.#isGathering = true
    this.#clock.after(GATHER_MS, () => {
      this.#isGathering = false
      this.hub.update(this.#parts())
    })
  }

  close(): void {
    this.#cancelTick()
    this.hub.close()
  }

  #parts(): Pick<Picture, 'listeners' | 'services' | 'problems'> {
    const { listeners, house } = this.#needs
    return {
      listeners: listeners.views(),
      services: this.#views.list(),
      problems: this.#problems.view(house.problems(), this.#clock.nowMs()),
    }
  }

  #take(atMs: number): void {
    const { gateway, processes } = this.#needs
    const uses = new Map(
      processes
        .services()
        .flatMap((run) => run.slots())
        .map(({ spec, status }) => [`${spec.service} ${spec.id}`, status] as const),
    )
    const tick = this.#ticks.take({
      atMs,
      edges: attributed(gateway.totals.edges()),
      instances: gateway.totals.instances(),
      useOf: (service, id) => uses.get(`${service} ${id}`),
    })
    if (tick === this.tick()) this.hub.tick(tick)
    this.touch(this.#ejectedServices())
  }

  /** Ejections come with the totals, not from discovery. */
  #ejectedServices(): ReadonlySet<string> {
    const before = this.#ejected
    const nowMs = this.#clock.nowMs()
    const rows = [...this.#needs.gateway.totals.instances()]
    this.#ejected = new Set(
      rows.filter(({ ejectedUntilMs }) => ejectedUntilMs > nowMs).map(({ service }) => service),
    )
    return before.union(this.#ejected)
  }

  /** What was counted before this control plane started; whoever looks already gets a fresh picture with it. */
  async #remember(): Promise<void> {
    const past = await this.#needs.pastTicks(this.#clock)
    if (past.length === 0) return
    this.#ticks.prepend(past)
    this.hub.renew()
  }

  /** While data is away there are no totals, but whoever looks must see that time goes on and nothing is served. */
  #tickWithoutData(): void {
    this.#cancelTick = this.#clock.after(TICK_MS, () => this.#tickWithoutData())
    if (this.#clock.monotonicMs() - this.#lastTotalsMs > 2 * TICK_MS)
      this.#take(this.#clock.nowMs())
  }
}

/** Calls through listeners that services share are told apart from those of clients. */
function* attributed(edges: Iterable<EdgeTotals>): Generator<EdgeTotals> {
  for (const row of edges) {
    const caller = callerOf(row)
    yield caller === row.caller ? row : { ...row, caller }
  }
}
