import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseSearch } from '../../../mechanisms/log-query/parse.ts'
import { ProblemError } from '../../../platform/problem.ts'
import { openLogs } from '../testing/opened.ts'
import { logRecord, spanRecord } from '../testing/records.ts'

const NOBODY = new AbortController().signal
const ALWAYS = { from: 0, to: Number.MAX_SAFE_INTEGER }
const WEEK = { timeMs: 7 * 86_400_000, rules: [] }

const values = fc.constantFrom<unknown>(
  'a',
  'A*b',
  "it's",
  'x"y',
  5,
  503,
  0,
  -1.5,
  true,
  '503',
  '',
  'nan',
  '1e3',
  ['a'],
  'ü%_',
)
const names = fc.constantFrom('http.status', 'user', 'a b', 'q"uote', 'back\\slash', "o'clock")
const records = fc.record({
  severity: fc.integer({ min: 0, max: 24 }),
  service: fc.constantFrom('orders', 'users', ''),
  trace: fc.constantFrom('', 'ab'.repeat(16)),
  body: fc.constantFrom('Card declined', 'card DECLINED', "it's 100% _done_", '', 'x"y\\z'),
  attributes: fc.dictionary(names, values, { maxKeys: 4 }).map((one) => JSON.stringify(one)),
})
const quoted = (text: string): string => text.replaceAll(/[\s()":<>=\\-]/g, '\\$&')
const terms = fc.oneof(
  fc.constantFrom(
    'declined',
    'Card',
    '"100%"',
    '_',
    "'",
    'level:error',
    'level>=warn',
    'level<info',
    '-level:fatal',
  ),
  fc
    .tuple(
      names,
      fc.constantFrom(
        ':5*',
        ':503',
        ':*',
        '>=5',
        '<0',
        ':a',
        ':*\\"*',
        ':nan',
        '>1',
        ':"A*b"',
        ':A*',
        ':ü%*',
      ),
    )
    .map(([name, rest]) => quoted(name) + rest),
  fc.constantFrom('service:orders', '-service:*', 'trace:ab*', 'severity>10', 'trace:*'),
)
const searches = fc.oneof(
  terms,
  fc.tuple(terms, terms).map(([a, b]) => `${a} ${b}`),
  fc.tuple(terms, terms, terms).map(([a, b, c]) => `(${a} OR ${b}) -${c}`),
)

test('the store and the live tail find the same records, before and after sealing', async (t) => {
  const { ingest, queries, store } = await openLogs(t)
  const seed = Date.now() % 2 ** 31
  t.diagnostic(`seed ${seed}`)
  const all = fc
    .sample(records, { numRuns: 60, seed })
    .map((one, at) => logRecord({ ...one, instance: `i${at}` }))
  const asked = [...new Set(fc.sample(searches, { numRuns: 120, seed }))]
  const tails = asked.map((search) => ingest.tail.open(parseSearch(search), () => {}))
  // A listener takes so many tails at once; what is beyond is looked at with the next records.
  const open = tails.filter((tail) => tail !== undefined)
  await ingest.takeLogs(all, 'retries')
  const compare = async (): Promise<void> => {
    for (const [at, tail] of open.entries()) {
      const rows = await queries.search(
        { signal: 'logs', expression: tail.expression, range: ALWAYS, limit: 1_000 },
        NOBODY,
      )
      const found = rows.map((row) => String(row['instance'] as string)).toSorted()
      assert.deepEqual(found, expected[at], `seed ${seed}: ${asked[at]}`)
    }
  }
  const expected = open.map((tail) =>
    tail
      .take()
      .records.map(({ instance }) => instance)
      .toSorted(),
  )
  await compare()
  await store.logs.sealAll(WEEK)
  await compare()
})

test('the newest come first, over files and pages; counts and the most frequent values', async (t) => {
  const { ingest, queries, store } = await openLogs(t)
  const start = 1_795_900_000_000_000
  for (let file = 0; file < 12; file++) {
    const batch = Array.from({ length: 10 }, (_, at) =>
      logRecord({
        time: start + (file * 10 + at) * 1_000_000,
        service: at % 2 === 0 ? 'even' : 'odd',
        severity: at === 0 ? 17 : 9,
        body: `line ${file * 10 + at}`,
      }),
    )
    await ingest.takeLogs(batch, 'retries')
    if (file < 10) await store.logs.sealAll(WEEK)
  }
  const search = {
    signal: 'logs',
    expression: parseSearch('service:even'),
    range: ALWAYS,
    limit: 25,
  } as const
  const first = await queries.search(search, NOBODY)
  assert.deepEqual(
    first.map((row) => row['body']),
    Array.from({ length: 25 }, (_, at) => `line ${118 - at * 2}`),
  )
  const last = first.at(-1)!
  const next = await queries.search(
    { ...search, before: { time: Number(last['time']), seq: Number(last['seq']) } },
    NOBODY,
  )
  assert.equal(next[0]?.['body'], 'line 68')
  const counts = await queries.histogram(
    { signal: 'logs', expression: parseSearch(''), range: ALWAYS },
    60_000_000,
    NOBODY,
  )
  assert.equal(
    counts.reduce((sum, [, , count]) => sum + count, 0),
    120,
  )
  assert.equal(
    counts.filter(([, name]) => name === 'error').reduce((sum, [, , count]) => sum + count, 0),
    12,
  )
  const top = await queries.top({ ...search, expression: parseSearch('') }, 'service', NOBODY)
  assert.deepEqual(top, [
    ['even', 60],
    ['odd', 60],
  ])
  const around = await queries.around(
    {
      time: start + 50_000_000,
      seq: Number.MAX_SAFE_INTEGER,
      service: 'even',
      instance: 'orders-1',
    },
    2,
    NOBODY,
  )
  assert.deepEqual(
    around.map((row) => row['body']),
    ['line 46', 'line 48', 'line 50', 'line 52', 'line 54'],
  )
})

test('a trace by its id: spans and log records, oldest first', async (t) => {
  const { ingest, queries } = await openLogs(t)
  const trace = 'cd'.repeat(16)
  await ingest.takeSpans(
    [
      spanRecord({ trace, name: 'child', time: 3, parent: 'ef'.repeat(8) }),
      spanRecord({ trace, name: 'root', time: 2 }),
      spanRecord(),
    ],
    'retries',
  )
  await ingest.takeLogs([logRecord({ body: `it said trace_id=${trace}` })], 'retries')
  const { spans, logs } = await queries.trace(trace, 100, NOBODY)
  assert.deepEqual(
    spans.map((row) => row['name']),
    ['root', 'child'],
  )
  assert.equal(logs.length, 1)
})

test('SQL reads logs and spans, and nothing else', async (t) => {
  const { ingest, queries, folder } = await openLogs(t)
  await ingest.takeLogs([logRecord(), logRecord({ severity: 17 })], 'retries')
  const rows: unknown[] = []
  const run = (sql: string, client = NOBODY) =>
    queries.sql(
      sql,
      ALWAYS,
      100,
      client,
      () => {},
      (more) => void rows.push(...more),
    )
  assert.equal(
    await run('select severity, count(*) as n from logs group by all order by n, severity'),
    false,
  )
  assert.deepEqual(rows, [
    [9, '1'],
    [17, '1'],
  ])
  const codeOf = async (sql: string): Promise<string> => {
    try {
      await run(sql)
      return ''
    } catch (error) {
      return error instanceof ProblemError ? error.code : String(error)
    }
  }
  for (const sql of [
    "select * from read_text('/etc/passwd')",
    "select * from read_csv('/etc/passwd')",
    "select * from '/etc/passwd.csv'",
    "select * from glob('/etc/*')",
    "copy logs to '/tmp/stolen.csv'",
    "select 1; copy logs to '/tmp/stolen.csv'",
    "attach '/tmp/other.db'",
    'install httpfs',
    'load httpfs',
    "set memory_limit = '10GB'",
    'create table x as select 1',
    'drop view logs',
    `explain analyze copy (select 1) to '${folder}/stolen'`,
    `explain /* */ analyze copy (select 1) to '${folder}/stolen'`,
    `explain (analyze) copy (select 1) to '${folder}/stolen'`,
    'explain analyze create table x as select 1',
    `from enable_logging(storage = 'file', storage_path = '${folder}/stolen')`,
    `explain analyze from "enable_logging"(storage = 'file', storage_path = '${folder}/stolen')`,
    "from query('from enable_log' || 'ging()')",
    'from enable_profiling()',
    'select (select count(*) from truncate_duckdb_logs())',
    'from force_checkpoint()',
    "select * from read_parquet('https://example.invalid/x.parquet')",
  ]) {
    assert.ok(['ERR_LOGS_SQL_FORBIDDEN', 'ERR_LOGS_SQL'].includes(await codeOf(sql)), sql)
  }
  assert.equal(existsSync(join(folder, 'stolen')), false)
  assert.equal(await codeOf('select nonsense from logs'), 'ERR_LOGS_SQL')
  for (const sql of [
    'explain select * from logs',
    'EXPLAIN ANALYZE from logs',
    'describe logs',
    'summarize logs',
    'show tables',
    '-- a remark\nwith x as (from logs) from x;',
    "pivot logs on source in ('stdout') using count(*)",
    `select '"name": "ENABLE_LOGGING"'`,
  ]) {
    assert.equal(await codeOf(sql), '', sql)
  }
})

test('a query that runs away is ended by time, by memory, or when its client leaves; the next one is answered', async (t) => {
  let timeoutMs = 700
  const { queries } = await openLogs(t, () => timeoutMs)
  const endless =
    'with recursive t(x) as (select 1::bigint union all select x + 1 from t) select count(*) from t'
  const run = (sql: string, client = NOBODY) =>
    queries.sql(
      sql,
      ALWAYS,
      10,
      client,
      () => {},
      () => {},
    )
  await assert.rejects(run(endless), { code: 'ERR_LOGS_QUERY_TIME' })
  timeoutMs = 30_000
  const leaving = new AbortController()
  const left = run(endless, leaving.signal)
  leaving.abort()
  await assert.rejects(left, { code: 'ERR_LOGS_QUERY' })
  assert.equal(await run('select 1'), false)
})

test('an answer that nobody could hold is refused, and one that streams goes on', async (t) => {
  const { queries } = await openLogs(t)
  let count = 0
  let most = 0
  const onRows = (rows: readonly unknown[]): void => {
    count += rows.length
    most = Math.max(most, rows.length)
  }
  const run = (sql: string, charactersMax?: number) =>
    queries.sql(sql, ALWAYS, 5_000, NOBODY, () => {}, onRows, charactersMax)
  const long = "select repeat('x', 250000) from range(100)"
  await run(long)
  assert.equal(count, 100)
  assert.ok(most < 10, `${most} rows of 250,000 characters in one message`)
  count = 0
  const tooMuch = { code: 'ERR_LOGS_QUERY_MEMORY', message: /answer has more than 2000000/ }
  await assert.rejects(run(long, 2_000_000), tooMuch)
  assert.ok(count < 10)
  const huge = { code: 'ERR_LOGS_QUERY_MEMORY', message: /a row has more/ }
  await assert.rejects(run("select repeat('x', 17000000 + range) from range(1)"), huge)
})

test('an engine that cannot be started is told to whoever asks, and is started for the next one', async (t) => {
  const { queries } = await openLogs(t)
  const find = () =>
    queries.search(
      { signal: 'logs', expression: parseSearch(''), range: ALWAYS, limit: 10 },
      NOBODY,
    )
  const { execPath } = process
  process.execPath = '/nonexistent'
  try {
    await assert.rejects(find(), { code: 'ERR_LOGS_QUERY' })
  } finally {
    process.execPath = execPath
  }
  assert.equal((await find()).length, 0)
})

test('an engine that is killed costs its query, and the next one is answered by another', async (t) => {
  const { queries, ingest } = await openLogs(t)
  await ingest.takeLogs([logRecord()], 'retries')
  const find = () =>
    queries.search(
      { signal: 'logs', expression: parseSearch(''), range: ALWAYS, limit: 10 },
      NOBODY,
    )
  assert.equal((await find()).length, 1)
  const pid = queries.enginePid
  const asked = queries.sql(
    'select count(*) from range(1000000000000)',
    ALWAYS,
    10,
    NOBODY,
    () => {},
    () => {},
  )
  process.kill(pid, 'SIGKILL')
  await assert.rejects(asked, { code: 'ERR_LOGS_QUERY' })
  assert.equal((await find()).length, 1)
  assert.notEqual(queries.enginePid, pid)
})
