/**
 * Lines a second through `_bulk` and OTLP, CPU of the ingest for each, bytes of a line in Parquet, and the time of queries.
 * `node bench/logs.ts [LINES]`. Prints a Markdown table for BENCHMARKS.md. The lines are of 267 bytes: text with random words, 32 random digits each.
 */
import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Queries } from '../src/capabilities/logs/query/queries.ts'
import { SignalsStore } from '../src/capabilities/logs/store/store.ts'
import { parseSearch } from '../src/mechanisms/log-query/parse.ts'
import { systemClock } from '../src/platform/clock.ts'

const lineCount = Number(process.argv[2] ?? 1_000_000)
const BATCH = 1_000
const WORDS =
  'failed to open session for user request accepted from upstream timeout while reading body connection closed by peer retrying in a moment block received cache miss'.split(
    ' ',
  )
const rows: [string, string][] = []
const folder = mkdtempSync(join(tmpdir(), 'backplane-bench-logs-'))

const pick = (count: number): number => Math.floor(Math.random() * count)
const hex = (): string =>
  Array.from({ length: 4 }, () =>
    pick(2 ** 32)
      .toString(16)
      .padStart(8, '0'),
  ).join('')

function lineOf(at: number, startMs: number): string {
  const text = Array.from({ length: 8 }, () => WORDS[pick(WORDS.length)]).join(' ')
  return JSON.stringify({
    '@timestamp': new Date(startMs + at).toISOString(),
    level: at % 50 === 0 ? 'error' : 'info',
    service: `service-${pick(12)}`,
    trace_id: hex(),
    status: at % 50 === 0 ? 500 : 200,
    took: pick(2_000),
    message: `${text} ${pick(100_000)}`,
  }).padEnd(267, ' ')
}

/** One client, one batch after the other. */
async function send(
  url: string,
  type: string,
  bodies: readonly (string | Uint8Array<ArrayBuffer>)[],
): Promise<void> {
  for (const body of bodies) {
    const response = await fetch(url, { method: 'POST', headers: { 'content-type': type }, body })
    if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`)
    await response.arrayBuffer()
  }
}

const server = fork(join(import.meta.dirname, 'logs/server.ts'), [folder])
const [listen] = (await once(server, 'message')) as [Record<string, string>]
async function usage(): Promise<{ cpuMs: number; rssBytes: number }> {
  server.send('usage')
  const [told] = (await once(server, 'message')) as [{ cpuMs: number; rssBytes: number }]
  return told
}

async function measure(name: string, count: number, run: () => Promise<void>): Promise<void> {
  const before = await usage()
  const from = performance.now()
  await run()
  const seconds = (performance.now() - from) / 1_000
  const after = await usage()
  const perCore = count / ((after.cpuMs - before.cpuMs) / 1_000)
  rows.push([
    name,
    `${Math.round(count / seconds).toLocaleString('en')}/s by the clock, ${Math.round(perCore).toLocaleString('en')}/s a core of ingest, ${Math.round(after.rssBytes / 2 ** 20)} MiB`,
  ])
}

const startMs = Date.now() - lineCount
await measure('_bulk, batches of 1,000', lineCount, async () => {
  for (let at = 0; at < lineCount; at += BATCH * 20) {
    const bodies = Array.from(
      { length: Math.min(20, Math.ceil((lineCount - at) / BATCH)) },
      (_, batch) =>
        Array.from(
          { length: BATCH },
          (_, line) => `{"index":{}}\n${lineOf(at + batch * BATCH + line, startMs)}\n`,
        ).join(''),
    )
    await send(
      `http://${listen['elasticsearch']}/logs-bench-default/_bulk`,
      'application/x-ndjson',
      bodies,
    )
  }
})

const otlp = JSON.stringify({
  resourceLogs: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'bench-otlp' } }] },
      scopeLogs: [
        {
          logRecords: Array.from({ length: BATCH }, (_, at) => ({
            timeUnixNano: String(BigInt(startMs) * 1_000_000n),
            severityNumber: 9,
            body: { stringValue: lineOf(at, startMs).slice(120, 220) },
            attributes: Array.from({ length: 8 }, (_, one) => ({
              key: `attribute.${one}`,
              value: { stringValue: `value ${pick(100)}` },
            })),
          })),
        },
      ],
    },
  ],
})
await measure('OTLP JSON, batches of 1,000, 8 attributes', 100 * BATCH, () =>
  send(
    `http://${listen['otlp-http']}/v1/logs`,
    'application/json',
    Array.from({ length: 100 }, () => otlp),
  ),
)
server.disconnect()
await once(server, 'exit')

const ground = { clock: systemClock, log: () => {} }
const openedFrom = performance.now()
const store = await SignalsStore.open({ folder, ...ground, pendingMax: 1e8 })
rows.push(['opened again', `${Math.round(performance.now() - openedFrom)} ms`])
const WEEK = { timeMs: 7 * 86_400_000, rules: [] }
const sealFrom = performance.now()
await store.logs.sealAll(WEEK)
await store.logs.maintain(WEEK)
rows.push([
  'sealed what was left and put together',
  `${Math.round(performance.now() - sealFrom)} ms, ${store.logs.fileCount} files`,
])
rows.push(['bytes a line in Parquet', (store.logs.bytes / store.logs.rows).toFixed(1)])

const engine = {
  folder,
  spillFolder: join(folder, 'spill', 'query'),
  memoryBytesMax: 384e6,
  spillBytesMax: 4e9,
  threads: 2,
}
const queries = new Queries({ store, ...ground, engine, timeoutMs: () => 300_000 })
const nobody = new AbortController().signal
const range = { from: 0, to: Number.MAX_SAFE_INTEGER }
const search = (query: string) => () =>
  queries.search({ signal: 'logs', expression: parseSearch(query), range, limit: 100 }, nobody)
const asked: readonly (readonly [string, () => Promise<unknown>])[] = [
  ['an engine is started', search('')],
  ['substring over all, nothing found', search('"no such text here"')],
  ['field and the last 100', search('service:service-3 status:500')],
  ['a value that nobody has', search('took:123456')],
  [
    'histogram by minute and level',
    () =>
      queries.histogram({ signal: 'logs', expression: parseSearch(''), range }, 60_000_000, nobody),
  ],
  [
    'the most frequent services',
    () =>
      queries.top(
        { signal: 'logs', expression: parseSearch(''), range, limit: 10 },
        'service',
        nobody,
      ),
  ],
  ['trace by id', () => queries.trace('ab'.repeat(16), 100, nobody)],
]
for (const [name, ask] of asked) {
  await ask()
  const times: number[] = []
  for (let round = 0; round < 3; round++) {
    const from = performance.now()
    await ask()
    times.push(performance.now() - from)
  }
  rows.push([name, `${Math.round(Math.min(...times))} ms`])
}
await queries.close()
await store.close()
rmSync(folder, { recursive: true, force: true })

const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
process.stdout.write(
  `${lineCount.toLocaleString('en')} lines, ${cpus().length} x ${cpus()[0]?.model ?? ''}, commit ${commit}\n\n| | |\n| --- | --- |\n`,
)
for (const [name, value] of rows) process.stdout.write(`| ${name} | ${value} |\n`)
