import { fork, type ChildProcess } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Clock, Log } from '../../../platform/capability.ts'
import { EngineError } from './engine-error.ts'
import type { Cell, EngineOptions, FromEngine, ToEngine } from './messages.ts'

/** An engine that nobody asks for so long is ended. */
export const ENGINE_IDLE_MS = 60_000
/** From the order to stop to SIGKILL: a statement that does not let itself be interrupted. */
const CANCEL_GRACE_MS = 2_000

/** What is asked of an engine. */
export interface Question {
  readonly setup: readonly string[]
  readonly sql: string
  readonly rowsMax: number
  readonly timeoutMs: number
  /** Of the whole answer, where somebody keeps it; default: any number. */
  readonly charactersMax?: number
  readonly isForeign?: boolean
  /** The client has left. */
  readonly signal?: AbortSignal
}

/** The shape of an answer. */
export interface Head {
  readonly names: readonly string[]
  readonly types: readonly string[]
}

type Rows = readonly (readonly Cell[])[]

interface Asked {
  onColumns(head: Head): void
  onRows(rows: Rows, characters: number): Promise<void> | void
  readonly over: PromiseWithResolvers<boolean>
}

/** A disposable process with DuckDB: started when it is asked, ended when nobody asks any more. Its death costs what it was asked just then. */
export class Engine {
  readonly #options: EngineOptions
  readonly #clock: Clock
  readonly #log: Log
  readonly #asked = new Map<number, Asked>()
  #child: ChildProcess | undefined
  #lastId = 0
  #cancelIdle: () => void = () => {}
  #isClosed = false
  /** Processes that were started. */
  starts = 0

  constructor(options: EngineOptions, clock: Clock, log: Log) {
    this.#options = options
    this.#clock = clock
    this.#log = log
  }

  /** 0: there is none now. */
  get pid(): number {
    return this.#child?.pid ?? 0
  }

  /** Asks, and hands on rows as they come; the next ones come when the promise has settled. Throws `EngineError`. Returns whether rows were left out. */
  async ask(
    { timeoutMs, signal, charactersMax = Infinity, ...question }: Question,
    onRows: (rows: Rows) => Promise<void> | void,
    onColumns: (head: Head) => void = () => {},
  ): Promise<boolean> {
    signal?.throwIfAborted()
    const id = ++this.#lastId
    let left = charactersMax
    const taking = (rows: Rows, characters: number): Promise<void> | void => {
      left -= characters
      if (left >= 0) return onRows(rows)
      const what = `The answer has more than ${charactersMax} characters; ask for fewer records.`
      stop(new EngineError('memory', what))
    }
    const asked = { onColumns, onRows: taking, over: Promise.withResolvers<boolean>() }
    this.#send(id, asked, { type: 'query', id, isForeign: false, ...question })
    let reason: EngineError | undefined
    const stop = (why: EngineError) => {
      reason ??= why
      this.#cancel(id)
    }
    const cancelTimeout = this.#clock.after(timeoutMs, () =>
      stop(new EngineError('timeout', `It took longer than ${timeoutMs / 1_000} s.`)),
    )
    const leave = (): void => stop(new EngineError('cancelled', 'The client has left.'))
    signal?.addEventListener('abort', leave, { once: true })
    try {
      return await asked.over.promise
    } catch (error) {
      throw reason ?? error
    } finally {
      cancelTimeout()
      signal?.removeEventListener('abort', leave)
    }
  }

  /** All rows of a small answer. */
  async all(question: Question): Promise<readonly (readonly Cell[])[]> {
    const found: (readonly Cell[])[] = []
    await this.ask(question, (rows) => void found.push(...rows))
    return found
  }

  /** Runs statements that write files. Throws `EngineError`. */
  async write(statements: readonly string[]): Promise<void> {
    const id = ++this.#lastId
    const asked = { onColumns() {}, onRows() {}, over: Promise.withResolvers<boolean>() }
    this.#send(id, asked, { type: 'write', id, statements })
    await asked.over.promise
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelIdle()
    const child = this.#child
    if (child === undefined) return
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.kill('SIGKILL')
    await gone
  }

  #send(id: number, asked: Asked, message: ToEngine): void {
    if (this.#isClosed) throw new EngineError('defect', 'Telemetry is stopping.')
    this.#cancelIdle()
    this.#asked.set(id, asked)
    asked.over.promise.catch(() => {})
    this.#child ??= this.#start()
    this.#child.send(message)
  }

  #start(): ChildProcess {
    const { spillFolder } = this.#options
    // What a killed one has left.
    rmSync(spillFolder, { recursive: true, force: true })
    mkdirSync(spillFolder, { recursive: true, mode: 0o700 })
    const entry = fileURLToPath(new URL('./engine-process.ts', import.meta.url))
    const child = fork(entry, [JSON.stringify(this.#options)], {
      serialization: 'json',
      env: {},
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.starts++
    let said = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString('utf8')).slice(-1_000)
    })
    child.on('message', (message) => this.#hear(message as FromEngine))
    child.on('error', (error) => {
      this.#log('error', 'the engine of logs failed', { error })
      // One that could not be started never ends.
      if (child.pid === undefined) this.#ended(child, 'not started', error.message)
    })
    child.once('exit', (code, signal) => this.#ended(child, code ?? signal, said))
    return child
  }

  #hear(message: FromEngine): void {
    const asked = this.#asked.get(message.id)
    if (asked === undefined) return
    switch (message.type) {
      case 'columns':
        return asked.onColumns(message)
      case 'rows':
        void this.#hand(asked, message)
        return
      case 'done':
        asked.over.resolve(message.isCut)
        return this.#forget(message.id)
      case 'failed':
        asked.over.reject(new EngineError(message.reason, message.message))
        return this.#forget(message.id)
      default:
        message satisfies never
    }
  }

  async #hand(
    asked: Asked,
    { id, rows, characters }: Extract<FromEngine, { type: 'rows' }>,
  ): Promise<void> {
    try {
      await asked.onRows(rows, characters)
      this.#child?.send({ type: 'more', id } satisfies ToEngine, ignore)
    } catch {
      this.#cancel(id)
    }
  }

  #cancel(id: number): void {
    if (!this.#asked.has(id)) return
    const child = this.#child
    child?.send({ type: 'cancel', id } satisfies ToEngine, ignore)
    this.#clock.after(CANCEL_GRACE_MS, () => {
      if (this.#asked.has(id) && child === this.#child) child?.kill('SIGKILL')
    })
  }

  #forget(id: number): void {
    this.#asked.delete(id)
    if (this.#asked.size > 0) return
    this.#cancelIdle = this.#clock.after(ENGINE_IDLE_MS, () => {
      if (this.#asked.size === 0) this.#child?.kill('SIGTERM')
    })
  }

  #ended(child: ChildProcess, how: number | string | null, said: string): void {
    if (this.#child !== child) return
    this.#child = undefined
    const all = [...this.#asked]
    this.#asked.clear()
    if (all.length > 0) this.#log('warn', 'an engine of logs has ended', { how, said })
    for (const [, { over }] of all) {
      over.reject(new EngineError('died', `The engine ended (${how}); ask again.`))
    }
  }
}

/** A channel that closes at this moment is no error: 'exit' follows. */
function ignore(): void {}
