import type {
  Clock,
  Log,
  Part,
  Prepared,
  Problem,
  Random,
  RouteModule,
  Scope,
  Start,
} from './capability.ts'
import type { ListenerBoard } from './listeners/board.ts'
import type { Listeners } from './listeners/opening.ts'
import type { Opened } from './listeners/tcp.ts'
import type { MetricFamily } from './metrics-text.ts'

/** A capability did not start; `cause` says why. Everything that had started before it has been released. */
export class StartError extends Error {
  override readonly name = 'StartError'
  readonly code = 'ERR_CAPABILITY_START'
  readonly capability: string

  constructor(capability: string, cause: unknown) {
    super(
      `${capability} did not start: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        cause,
      },
    )
    this.capability = capability
  }
}

/** What the host hands on to each capability. */
export interface HostGround {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly listeners: ListenerBoard
}

/** What the house collects from every capability that has started. */
export interface House {
  routes(): readonly RouteModule[]
  metrics(): readonly MetricFamily[]
  problems(): readonly Problem[]
}

interface StartedPart<Source> {
  readonly name: string
  readonly part: Omit<Part<never, unknown>, 'prepare'>
  prepare(next: Source): Promise<Prepared | undefined>
}

/**
 * Starts capabilities one by one, collects their parts, and stops them in reverse. Holds no knowledge of any of them. `Source` is what
 * each one's configuration is taken from: the loaded file.
 */
export class Host<Source> implements AsyncDisposable, House {
  readonly #releases = new AsyncDisposableStack()
  readonly #stopping = new AbortController()
  readonly #ground: HostGround
  readonly #first: Source
  readonly #parts: StartedPart<Source>[] = []
  /** Parts that failed when they were last asked, by what they were asked for. */
  readonly #defects = new Map<string, Problem>()

  constructor(ground: HostGround, first: Source) {
    this.#ground = ground
    this.#first = first
  }

  /**
   * Runs `start` with a scope of its own; `configOf` takes its configuration from the file, now and at each reload. Throws `StartError`;
   * disposing the host then releases what had started.
   */
  async start<Config, Needs, Api>(
    name: string,
    start: Start<Config, Needs, Api>,
    configOf: (source: Source) => NoInfer<Config>,
    needs: NoInfer<Needs>,
  ): Promise<Api> {
    try {
      const part = await start(configOf(this.#first), needs, this.#scopeOf(name))
      this.#parts.push({ name, part, prepare: async (next) => part.prepare?.(configOf(next)) })
      return part.api
    } catch (cause) {
      throw new StartError(name, cause)
    }
  }

  /** The admin API of everyone who has started. */
  routes(): readonly RouteModule[] {
    return this.#parts.flatMap(({ part }) => part.routes ?? [])
  }

  /** The metrics of everyone, and of the listeners. A part that fails costs only its own. */
  metrics(): readonly MetricFamily[] {
    return [
      ...this.#parts.flatMap(({ name, part }) =>
        this.#collect(name, 'metrics', () => [...(part.metrics?.() ?? [])]),
      ),
      ...this.#ground.listeners.metrics(),
    ]
  }

  /** What is wrong now, wherever; a part that could not give what it was asked for is a problem itself. */
  problems(): readonly Problem[] {
    const found = this.#parts.flatMap(({ name, part }) =>
      this.#collect(name, 'problems', () => [...(part.problems?.() ?? [])]),
    )
    return [...this.#defects.values(), ...found, ...this.#ground.listeners.problems()]
  }

  /**
   * A reload, whole: every part prepares in order of the start; then all commit in the same order. Where one refuses, those that had
   * prepared are cancelled in reverse, and its error is thrown: nothing has changed.
   */
  async reload(next: Source): Promise<void> {
    const prepared: { readonly name: string; readonly step: Prepared }[] = []
    try {
      for (const part of this.#parts) {
        const step = await part.prepare(next)
        if (step !== undefined) prepared.push({ name: part.name, step })
      }
    } catch (error) {
      for (const { name, step } of prepared.toReversed()) {
        await this.#held(name, 'cancel', () => step.cancel?.())
      }
      throw error
    }
    for (const { name, step } of prepared) await this.#held(name, 'commit', () => step.commit())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort()
    await this.#releases.disposeAsync()
  }

  #collect<Row>(capability: string, what: string, read: () => readonly Row[]): readonly Row[] {
    const key = `${capability} ${what}`
    try {
      const rows = read()
      this.#defects.delete(key)
      return rows
    } catch (error) {
      // Told once, not with each look.
      if (!this.#defects.has(key)) {
        this.#ground.log('error', 'a part cannot be asked', { capability, what, error })
      }
      this.#defects.set(key, {
        severity: 'error',
        code: 'ERR_CAPABILITY_DEFECT',
        service: '',
        instance: '',
        key,
        text: `The part '${capability}' fails when it is asked for its ${what}; run/control.log has the stack. Everything else goes on.`,
      })
      return []
    }
  }

  /** Neither may throw: where one does all the same, the others still take their step, and it is told as a defect of ours. */
  async #held(
    capability: string,
    step: 'commit' | 'cancel',
    run: () => void | Promise<void>,
  ): Promise<void> {
    try {
      await run()
    } catch (error) {
      this.#ground.log('error', 'a step of a reload failed', { capability, step, error })
    }
  }

  #scopeOf(name: string): Scope {
    const { clock, random, log } = this.#ground
    return {
      name,
      clock,
      random,
      log: (level, message, fields) => log(level, message, { capability: name, ...fields }),
      listeners: this.#listenersOf(),
      stopping: this.#stopping.signal,
      onStop: (release) => this.#releases.defer(release),
    }
  }

  /** What a capability opens is closed with it. */
  #listenersOf(): Listeners {
    const board = this.#ground.listeners
    const keep = (opened: Opened | undefined): Opened | undefined => {
      if (opened !== undefined) this.#releases.defer(() => opened.close())
      return opened
    }
    return {
      http: async (name, options) => keep(await board.http(name, options)),
      lean: async (name, options) => keep(await board.lean(name, options)),
      tcp: async (name, options) => keep(await board.tcp(name, options)),
      udp: async (name, options) => keep(await board.udp(name, options)),
      udpAndTcp: async (name, udp, tcp) => keep(await board.udpAndTcp(name, udp, tcp)),
    }
  }
}
