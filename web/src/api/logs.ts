import { send } from './actions.ts'

/** A log record or a span, as a search answers it; times are Unix microseconds. */
export interface Found {
  readonly time: number
  readonly seq: number
  readonly service: string
  readonly instance: string
  readonly source: string
  readonly trace: string
  readonly span: string
  readonly attributes: Readonly<Record<string, unknown>>
  /** Of log records. */
  readonly severity?: number
  readonly body?: string
  /** Of spans. */
  readonly name?: string
  readonly kind?: string
  readonly parent?: string
  /** Nanoseconds. */
  readonly duration?: number
  readonly status?: string
  readonly message?: string
  readonly events?: readonly {
    readonly time: number
    readonly name: string
    readonly attributes: object
  }[]
}

/** What is looked for. */
export interface LogSearch {
  readonly query: string
  readonly signal: 'logs' | 'spans'
  /** Unix milliseconds. */
  readonly from: number
  readonly to: number
}

/** How many there are in each part of the time. */
export interface Histogram {
  readonly bucketUs: number
  readonly counts: readonly (readonly [at: number, name: string, count: number])[]
}

/** The answer of SQL. */
export interface SqlAnswer {
  readonly names: readonly string[]
  readonly types: readonly string[]
  readonly rows: readonly (readonly unknown[])[]
  readonly isCut: boolean
}

/** What comes from where. */
export interface LogHealth {
  readonly sources: readonly {
    readonly source: string
    readonly service: string
    readonly taken: number
    readonly refused: number
    readonly shed: number
    readonly unparsed: number
    readonly firstAtMs: number
    readonly lastAtMs: number
    readonly lagMs: number
  }[]
  readonly pending: number
  readonly failure: string
  readonly logs: Stored
  readonly spans: Stored
}

interface Stored {
  readonly rows: number
  readonly bytes: number
  readonly files: number
  readonly unsealed: number
  readonly oldestHour: string
}

const BASE = '/api/v1/telemetry'

function queryOf(
  { query, signal, from, to }: LogSearch,
  more: Readonly<Record<string, string>> = {},
): string {
  const asked = new URLSearchParams({ query, signal, from: String(from), to: String(to), ...more })
  return asked.toString()
}

/** The newest that are found, newest first; those before one where it is given. Throws `ActionError`. */
export async function loadFound(
  search: LogSearch,
  limit: number,
  before?: Found,
): Promise<{ readonly rows: readonly Found[]; readonly isCut: boolean }> {
  const behind =
    before === undefined ? {} : { beforeTime: String(before.time), beforeSeq: String(before.seq) }
  const url = `${BASE}/logs/search?${queryOf(search, { limit: String(limit), ...behind })}`
  return (await send('GET', url)) as { rows: readonly Found[]; isCut: boolean }
}

/** Throws `ActionError`. */
export async function loadHistogram(search: LogSearch, buckets: number): Promise<Histogram> {
  return (await send(
    'GET',
    `${BASE}/logs/histogram?${queryOf(search, { buckets: String(buckets) })}`,
  )) as Histogram
}

/** The most frequent values of a field. Throws `ActionError`. */
export async function loadTop(
  search: LogSearch,
  field: string,
): Promise<readonly { readonly value: string; readonly count: number }[]> {
  const answer = await send('GET', `${BASE}/logs/top?${queryOf(search, { field, limit: '8' })}`)
  return (answer as { values: readonly { value: string; count: number }[] }).values
}

/** Everything of a trace. Throws `ActionError`. */
export async function loadTraceOf(
  trace: string,
): Promise<{ readonly spans: readonly Found[]; readonly logs: readonly Found[] }> {
  return (await send('GET', `${BASE}/traces/${encodeURIComponent(trace)}`)) as {
    spans: readonly Found[]
    logs: readonly Found[]
  }
}

/** Throws `ActionError`. */
export async function runSql(sql: string, from: number, to: number): Promise<SqlAnswer> {
  return (await send('POST', `${BASE}/sql`, { sql, from, to, limit: 1_000 })) as SqlAnswer
}

/** Throws `ActionError`. */
export async function loadLogHealth(): Promise<LogHealth> {
  return (await send('GET', `${BASE}/logs/health`)) as LogHealth
}

/** Log records as they come, until the returned function is called. */
export function followLogs(
  query: string,
  onRecords: (records: readonly Found[]) => void,
): () => void {
  const source = new EventSource(`${BASE}/logs/tail?${new URLSearchParams({ query }).toString()}`)
  let seq = 0
  source.addEventListener('message', (event: MessageEvent<string>) => {
    const { records } = JSON.parse(event.data) as { records: readonly Omit<Found, 'seq'>[] }
    // The order in which they came tells records of the same moment apart.
    if (records.length > 0) onRecords(records.map((record) => ({ ...record, seq: ++seq })))
  })
  return () => source.close()
}
