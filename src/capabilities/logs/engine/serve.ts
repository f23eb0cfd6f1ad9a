import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import {
  lengthOfCell,
  type Cell,
  type EngineFailure,
  type EngineOptions,
  type FromEngine,
  type ToEngine,
} from './messages.ts'

/** Rows of one message. */
const BATCH_ROWS = 1_000
/** Characters of one message, and of a row, which goes whole. */
const BATCH_CHARACTERS = 1024 * 1024
const ROW_CHARACTERS_MAX = 16 * 1024 * 1024

type Duck = typeof import('@duckdb/node-api')

interface Running {
  readonly connection: DuckDBConnection
  isCancelled: boolean
  taken: PromiseWithResolvers<void>
}

interface Engine {
  readonly duck: Duck
  readonly instance: DuckDBInstance
}

/** What one engine process has: the database, and what runs. */
interface Serving {
  readonly opening: Promise<Engine>
  readonly running: Map<number, Running>
  readonly say: (message: FromEngine) => void
}

/** Answers what telemetry asks; returns who is told its messages. */
export function serveEngine(
  options: EngineOptions,
  say: (message: FromEngine) => void,
): (message: ToEngine) => void {
  const serving: Serving = { opening: openEngine(options), running: new Map(), say }
  // What cannot be opened is told to whoever asks.
  serving.opening.catch(() => {})
  return (message) => hear(serving, message)
}

async function openEngine(wanted: EngineOptions): Promise<Engine> {
  const duck = await import('@duckdb/node-api')
  const instance = await duck.DuckDBInstance.create(':memory:', {
    memory_limit: `${Math.ceil(wanted.memoryBytesMax / 1_000_000)}MB`,
    threads: String(wanted.threads),
    temp_directory: wanted.spillFolder,
    max_temp_directory_size: `${Math.ceil(wanted.spillBytesMax / 1_000_000)}MB`,
    autoload_known_extensions: 'false',
    autoinstall_known_extensions: 'false',
  })
  const connection = await instance.connect()
  const folder = wanted.folder.replaceAll("'", "''")
  await connection.run(`set allowed_directories = ['${folder}/']`)
  await connection.run("set timezone = 'UTC'")
  await connection.run('set preserve_insertion_order = false')
  await connection.run('set enable_external_access = false')
  await connection.run('set lock_configuration = true')
  connection.closeSync()
  return { duck, instance }
}

function hear(serving: Serving, message: ToEngine): void {
  const { running } = serving
  switch (message.type) {
    case 'query':
      void answer(serving, message.id, (engine, one) => query(serving, engine, one, message))
      return
    case 'write':
      void answer(serving, message.id, async (_engine, { connection }) => {
        for (const statement of message.statements) await connection.run(statement)
        return false
      })
      return
    case 'more':
      return running.get(message.id)?.taken.resolve()
    case 'cancel': {
      const one = running.get(message.id)
      if (one === undefined) return
      one.isCancelled = true
      one.taken.resolve()
      one.connection.interrupt()
      return
    }
    default:
      message satisfies never
  }
}

/** Runs one on a connection of its own and says how it ended. */
async function answer(
  { opening, running, say }: Serving,
  id: number,
  run: (engine: Engine, one: Running) => Promise<boolean>,
): Promise<void> {
  let engine: Engine
  try {
    engine = await opening
  } catch (error) {
    return say({ type: 'failed', id, reason: 'missing', message: messageOf(error) })
  }
  const connection = await engine.instance.connect()
  const one = { connection, isCancelled: false, taken: Promise.withResolvers<void>() }
  running.set(id, one)
  try {
    say({ type: 'done', id, isCut: await run(engine, one) })
  } catch (error) {
    say({
      type: 'failed',
      id,
      reason: one.isCancelled ? 'cancelled' : reasonOf(error),
      message: messageOf(error),
    })
  } finally {
    running.delete(id)
    connection.closeSync()
  }
}

/** Whether there were more rows than were asked for. */
async function query(
  { say }: Serving,
  { duck }: Engine,
  one: Running,
  { id, setup, sql, rowsMax, isForeign }: Extract<ToEngine, { type: 'query' }>,
): Promise<boolean> {
  for (const statement of setup) await one.connection.run(statement)
  if (isForeign) await refuseWrites(duck, one.connection, sql)
  const result = await one.connection.stream(sql)
  say({
    type: 'columns',
    id,
    names: result.deduplicatedColumnNames(),
    types: result.columnTypes().map(String),
  })
  let count = 0
  for await (const chunk of result.yieldRowsJson()) {
    const rows = chunk.slice(0, rowsMax - count) as Cell[][]
    count += rows.length
    for (let at = 0; at < rows.length;) {
      const batch = nextBatch(rows, at)
      at += batch.rows.length
      one.taken = Promise.withResolvers<void>()
      say({ type: 'rows', id, ...batch })
      await one.taken.promise
      if (one.isCancelled) throw new Error('cancelled')
    }
    if (rows.length < chunk.length) return true
  }
  return false
}

/** At least one row. */
function nextBatch(rows: Cell[][], from: number): { rows: Cell[][]; characters: number } {
  let characters = 0
  let end = from
  while (end < rows.length && end - from < BATCH_ROWS && characters < BATCH_CHARACTERS) {
    const length = lengthOfCell(rows[end++]!)
    if (length > ROW_CHARACTERS_MAX) {
      throw new Error(`Out of Memory Error: a row has more than ${ROW_CHARACTERS_MAX} characters.`)
    }
    characters += length
  }
  return { rows: rows.slice(from, end), characters }
}

/**
 * What reads may do is bounded by the configuration, which is locked; anything that is no read is refused here. EXPLAIN ANALYZE runs what it explains, and
 * some functions write files though they stand in a SELECT, however they are named or hidden: what the plan calls counts.
 */
async function refuseWrites(duck: Duck, connection: DuckDBConnection, sql: string): Promise<void> {
  const explained = await connection.extractStatements(sql)
  if (explained.count !== 1) throw new ForbiddenError('One statement at a time.')
  const read = sql.replace(/^\s*explain\s+(?:analyze\s+)?/i, '')
  const statements = await connection.extractStatements(read)
  const isOne = statements.count === 1
  const { statementType } = await statements.prepare(0)
  if (!isOne || statementType !== duck.StatementType.SELECT) {
    throw new ForbiddenError('Only SELECT is allowed here.')
  }
  const plan = await connection.runAndReadAll(`explain (format json) ${read}`)
  const text = plan.getRowsJson()[0]?.[1]
  const refused = CHANGING.exec(typeof text === 'string' ? text : '')
  if (refused !== null) throw new ForbiddenError(`${refused[1]} is not allowed here.`)
}

/** Table functions that write files or change the engine for those who ask next, as a plan names them. */
const CHANGING = /"name": "((?:ENABLE|DISABLE)_\w+|TRUNCATE_DUCKDB_LOGS|(?:FORCE_)?CHECKPOINT) *"/i

class ForbiddenError extends Error {}

function reasonOf(error: unknown): EngineFailure {
  const message = messageOf(error)
  if (error instanceof ForbiddenError || message.startsWith('Permission Error')) return 'forbidden'
  if (message.startsWith('Out of Memory Error')) return 'memory'
  if (message.startsWith('INTERRUPT')) return 'cancelled'
  if (/^(?:INTERNAL|FATAL|IO) Error/.test(message)) return 'defect'
  return 'statement'
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
