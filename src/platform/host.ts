import type { Clock, Log, Random, Scope, Start } from './capability.ts'

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
}

/** Starts capabilities one by one and stops them in reverse. Holds no knowledge of any of them. */
export class Host implements AsyncDisposable {
  readonly #releases = new AsyncDisposableStack()
  readonly #stopping = new AbortController()
  readonly #ground: HostGround

  constructor(ground: HostGround) {
    this.#ground = ground
  }

  /** Runs `start` with a scope of its own. Throws `StartError`; disposing the host then releases what had started. */
  async start<Config, Needs, Api>(
    name: string,
    start: Start<Config, Needs, Api>,
    config: Config,
    needs: NoInfer<Needs>,
  ): Promise<Api> {
    const { clock, random, log } = this.#ground
    const scope: Scope = {
      name,
      clock,
      random,
      log: (level, message, fields) => log(level, message, { capability: name, ...fields }),
      stopping: this.#stopping.signal,
      onStop: (release) => this.#releases.defer(release),
    }
    try {
      return await start(config, needs, scope)
    } catch (cause) {
      throw new StartError(name, cause)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort()
    await this.#releases.disposeAsync()
  }
}
