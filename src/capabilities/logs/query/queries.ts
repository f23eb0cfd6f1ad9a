import type { Signal } from '../../../contracts/signals.ts'
import type { Expression } from '../../../mechanisms/log-query/expression.ts'
import { conditionOf, quoteText, textOfField } from '../../../mechanisms/log-query/to-sql.ts'
import type { Clock, Log } from '../../../platform/capability.ts'
import { ProblemError } from '../../../platform/problem.ts'
import { Engine, type Head, type Question } from '../engine/engine.ts'
import { EngineError } from '../engine/engine-error.ts'
import { textOfCell, type Cell, type EngineOptions } from '../engine/messages.ts'
import type { SignalsStore } from '../store/store.ts'
import { SEARCH_COLUMNS, selectAll } from '../store/tables.ts'
import { filesOf, isDone, nextStep, type PlannedFile, type Range } from './plan.ts'
import { rowOf, selectList, type Row } from './rows.ts'

/** Queries that may run at once; further ones wait. Each thread that reads a segment needs 32 MiB for it, and a statement may read both tables. */
const RUNNING_MAX = 2
/** Queries that may wait. */
const WAITING_MAX = 32
/** Characters of an answer that is kept until it is whole. */
export const ANSWER_CHARACTERS_MAX = 64 * 1024 * 1024

/** What a search asks for. */
export interface Search {
  readonly signal: Signal
  readonly expression: Expression
  readonly range: Range
  readonly limit: number
  /** Only what stands before this one, newest first. */
  readonly before?: { readonly time: number; readonly seq: number }
}

export interface QueriesOptions {
  readonly store: SignalsStore
  readonly clock: Clock
  readonly log: Log
  readonly engine: EngineOptions
  readonly timeoutMs: () => number
}

/** Asks the files, in an engine that is started for it. Every method throws `ProblemError`. */
export class Queries {
  readonly #options: QueriesOptions
  readonly #engine: Engine
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(options: QueriesOptions) {
    this.#options = options
    this.#engine = new Engine(options.engine, options.clock, options.log)
  }

  /** Process id of the engine; 0: there is none now. */
  get enginePid(): number {
    return this.#engine.pid
  }

  /** The newest records that are wanted, newest first. */
  search(
    { signal, expression, range, limit, before }: Search,
    signalOfClient: AbortSignal,
  ): Promise<readonly Row[]> {
    return this.#reading(signal, range, async (files) => {
      const where = whereOf(signal, expression, range, before)
      let rows: readonly Row[] = []
      let done = 0
      for (let step = 0; done < files.length || step === 0; step++) {
        const part = nextStep(files, done, step)
        const sql = `select ${selectList(signal)} from (${sourceOf(signal, part)}) where ${where} order by time desc, seq desc limit ${limit}`
        const found = await this.#ask({ sql, rowsMax: limit }, signalOfClient)
        rows = newest([...rows, ...found.map((cells) => rowOf(signal, cells))], limit)
        done += part.length
        if (isDone(files.slice(done), rows.length, limit, Number(rows.at(-1)?.['time'] ?? 0))) break
      }
      return rows
    })
  }

  /** How many there are in each part of the time, by level (logs) or status (spans): `[bucket's start, name, count]`. */
  histogram(
    { signal, expression, range }: Omit<Search, 'limit'>,
    bucketUs: number,
    client: AbortSignal,
  ): Promise<readonly (readonly [number, string, number])[]> {
    return this.#reading(signal, range, async (files) => {
      const by = signal === 'logs' ? textOfField('level', SEARCH_COLUMNS.logs) : 'status'
      const sql = `select (epoch_us(time) // ${bucketUs}) * ${bucketUs} as bucket, ${by} as name, count(*) from (${sourceOf(signal, files)}) where ${whereOf(signal, expression, range)} group by all order by bucket`
      const rows = await this.#ask({ sql, rowsMax: 100_000 }, client)
      return rows.map(([at, name, count]) => [Number(at), textOfCell(name), Number(count)] as const)
    })
  }

  /** The most frequent values of a field, with their counts. */
  top(
    { signal, expression, range, limit }: Search,
    field: string,
    client: AbortSignal,
  ): Promise<readonly (readonly [string, number])[]> {
    return this.#reading(signal, range, async (files) => {
      const value = textOfField(field, SEARCH_COLUMNS[signal])
      const sql = `select ${value} as value, count(*) as count from (${sourceOf(signal, files)}) where ${whereOf(signal, expression, range)} and ${value} <> '' group by value order by count desc, value limit ${limit}`
      const rows = await this.#ask({ sql, rowsMax: limit }, client)
      return rows.map(([name, count]) => [textOfCell(name), Number(count)] as const)
    })
  }

  /** Records of a service before and behind one, oldest first. */
  around(
    at: {
      readonly time: number
      readonly seq: number
      readonly service: string
      readonly instance: string
    },
    count: number,
    client: AbortSignal,
  ): Promise<readonly Row[]> {
    const range = { from: at.time - AROUND_US, to: at.time + AROUND_US }
    return this.#reading('logs', range, async (files) => {
      const of = `service = ${quoteText(at.service)} and instance = ${quoteText(at.instance)} and ${timeSql(range)}`
      const source = `(select ${selectList('logs')} from (${sourceOf('logs', files)}) where ${of})`
      const place = `(${at.time}, ${at.seq})`
      const sql = `select * from ((select * from ${source} where (time, seq) <= ${place} order by time desc, seq desc limit ${count + 1}) union all (select * from ${source} where (time, seq) > ${place} order by time, seq limit ${count})) order by time, seq`
      const rows = await this.#ask({ sql, rowsMax: 2 * count + 1 }, client)
      return rows.map((cells) => rowOf('logs', cells))
    })
  }

  /** Everything that is known of a trace: spans and log records, oldest first. */
  async trace(
    id: string,
    limit: number,
    client: AbortSignal,
  ): Promise<{ spans: readonly Row[]; logs: readonly Row[] }> {
    const of = (signal: Signal) =>
      this.#reading(signal, ALL_TIME, async (files) => {
        const sql = `select ${selectList(signal)} from (${sourceOf(signal, files)}) where trace = ${quoteText(id)} order by time, seq limit ${limit}`
        const rows = await this.#ask({ sql, rowsMax: limit }, client)
        return rows.map((cells) => rowOf(signal, cells))
      })
    const [spans, logs] = await Promise.all([of('spans'), of('logs')])
    return { spans, logs }
  }

  /** Read-only SQL of a user over `logs` and `spans`. Rows are handed on as they come; the next ones come when the promise has settled. */
  async sql(
    sql: string,
    range: Range,
    rowsMax: number,
    client: AbortSignal,
    onHead: (head: Head) => void,
    onRows: (rows: readonly (readonly Cell[])[]) => Promise<void> | void,
    charactersMax = Infinity,
  ): Promise<boolean> {
    return this.#reading('logs', range, (logs) =>
      this.#reading('spans', range, async (spans) => {
        const view = (signal: Signal, files: readonly PlannedFile[]): string =>
          `create temp view ${signal} as select * from (${sourceOf(signal, files)}) where ${timeSql(range, 'time')}`
        const setup = [view('logs', logs), view('spans', spans)]
        return this.#limited(() =>
          this.#engine.ask(
            {
              setup,
              sql,
              rowsMax,
              timeoutMs: this.#options.timeoutMs(),
              isForeign: true,
              charactersMax,
              signal: client,
            },
            onRows,
            onHead,
          ),
        )
      }),
    )
  }

  async close(): Promise<void> {
    await this.#engine.close()
  }

  /** Files stay until the query has ended. */
  async #reading<Result>(
    signal: Signal,
    range: Range,
    run: (files: readonly PlannedFile[]) => Promise<Result>,
  ): Promise<Result> {
    const readable = this.#options.store.of(signal).read()
    try {
      const all = [
        ...readable.hot.map(({ path, extent }) => ({ path, extent, isHot: true })),
        ...readable.sealed.map(({ path, extent }) => ({ path, extent, isHot: false })),
      ]
      return await run(filesOf(all, range))
    } catch (error) {
      throw asProblem(error)
    } finally {
      readable.release()
    }
  }

  #ask(
    question: Pick<Question, 'sql' | 'rowsMax'>,
    signal: AbortSignal,
  ): Promise<readonly (readonly Cell[])[]> {
    const timeoutMs = this.#options.timeoutMs()
    return this.#limited(() =>
      this.#engine.all({
        setup: [],
        timeoutMs,
        signal,
        charactersMax: ANSWER_CHARACTERS_MAX,
        ...question,
      }),
    )
  }

  async #limited<Result>(run: () => Promise<Result>): Promise<Result> {
    if (this.#running >= RUNNING_MAX) {
      if (this.#waiting.length >= WAITING_MAX) {
        throw new ProblemError(
          503,
          'ERR_LOGS_QUERIES',
          `${RUNNING_MAX} queries run and ${WAITING_MAX} wait already; try again.`,
        )
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    this.#running++
    try {
      return await run()
    } finally {
      this.#running--
      this.#waiting.shift()?.()
    }
  }
}

/** Records of an instance are looked for so far before and behind one. */
const AROUND_US = 3_600_000_000
const ALL_TIME: Range = { from: 0, to: Number.MAX_SAFE_INTEGER }

function sourceOf(signal: Signal, files: readonly PlannedFile[]): string {
  const paths = (isHot: boolean): string[] =>
    files.flatMap((file) => (file.isHot === isHot ? [file.path] : []))
  return selectAll(signal, { hot: paths(true), sealed: paths(false) })
}

function whereOf(
  signal: Signal,
  expression: Expression,
  range: Range,
  before?: Search['before'],
): string {
  const behind =
    before === undefined ? '' : ` and (epoch_us(time), seq) < (${before.time}, ${before.seq})`
  return `${timeSql(range, 'time')} and ${conditionOf(expression, SEARCH_COLUMNS[signal])}${behind}`
}

/** Compared as times, so that row groups are left out by their statistics. */
function timeSql({ from, to }: Range, column = ''): string {
  if (column === '') return `time between make_timestamp(${from}) and make_timestamp(${to})`
  return `${column} >= make_timestamp(${from}) and ${column} <= make_timestamp(${to})`
}

function newest(rows: readonly Row[], limit: number): readonly Row[] {
  return rows
    .toSorted(
      (a, b) => Number(b['time']) - Number(a['time']) || Number(b['seq']) - Number(a['seq']),
    )
    .slice(0, limit)
}

function asProblem(error: unknown): unknown {
  if (!(error instanceof EngineError)) return error
  const { reason, message } = error
  switch (reason) {
    case 'statement':
      return new ProblemError(400, 'ERR_LOGS_SQL', message)
    case 'forbidden':
      return new ProblemError(403, 'ERR_LOGS_SQL_FORBIDDEN', message)
    case 'memory':
      return new ProblemError(
        422,
        'ERR_LOGS_QUERY_MEMORY',
        `The query needs more than logs.memory.query: ${message}`,
      )
    case 'timeout':
      return new ProblemError(
        422,
        'ERR_LOGS_QUERY_TIME',
        `${message} Ask for less time or fewer records, or raise logs.query.timeout.`,
      )
    case 'missing':
      return new ProblemError(
        503,
        'ERR_LOGS_ENGINE_MISSING',
        `The package @duckdb/node-api cannot be loaded, so nothing can be searched: ${message}`,
      )
    case 'cancelled':
    case 'died':
    case 'defect':
      return new ProblemError(503, 'ERR_LOGS_QUERY', message)
    default:
      return reason satisfies never
  }
}
