/**
 * CPU of PromQL queries beside Debian's Prometheus on the same samples: `node bench/promql.ts [rounds]`. Prometheus reads its blocks and
 * answers JSON over HTTP; ours is the evaluation alone, over samples that lie decoded in memory.
 */
import { Labels } from '../src/mechanisms/labels/labels.ts'
import { evaluateQuery, type QueryTime } from '../src/mechanisms/promql/engine.ts'
import type { Series } from '../src/mechanisms/promql/queryable.ts'
import { parseQuery } from '../src/mechanisms/promql/syntax/parse.ts'
import { hasPrometheus, startPrometheus } from '../test/interop/prometheus/server.ts'
import { cpuMicroseconds, machineLine, markdownTable } from './measure.ts'

const rounds = Number(process.argv[2] ?? 7)
const startMs = 1_600_000_000_000
const dayMs = 24 * 3_600_000
const features = { experimentalFunctions: true, extendedRangeSelectors: true, fillModifiers: true }
const options = {
  lookbackMs: 300_000,
  subqueryStepMs: 60_000,
  samplesMax: 50_000_000,
  delayedNameRemoval: false,
  typeAndUnitLabels: false,
  isCanceled: () => false,
  isOver: () => false,
}

interface Case {
  readonly name: string
  readonly query: string
  readonly time: QueryTime
  readonly series: readonly Series[]
}

const bounds = ['0.1', '0.2', '0.5', '1', '2', '5', '10', '20', '50', '+Inf']
const last: QueryTime = { kind: 'instant', timeMs: startMs + dayMs - 1 }
const cases: readonly Case[] = [
  {
    name: 'sum by (job) (rate) of 100,000 series, instant',
    query: 'sum by (job) (rate(big_total[5m]))',
    time: last,
    series: createSeries('big_total', { count: 100_000, samples: 20, intervalMs: 15_000 }),
  },
  {
    name: 'the same of 1,000 series, 24 h in steps of 1 min',
    query: 'sum by (job) (rate(day_total[5m]))',
    time: { kind: 'range', startMs, endMs: startMs + dayMs - 1, stepMs: 60_000 },
    series: createSeries('day_total', { count: 1_000, samples: 1_440, intervalMs: 60_000 }),
  },
  {
    name: 'histogram_quantile of 10,000 buckets, instant',
    query: 'histogram_quantile(0.9, sum by (le, instance) (rate(h_bucket[5m])))',
    time: last,
    series: createSeries('h_bucket', { count: 10_000, samples: 20, intervalMs: 15_000 }),
  },
]

await compare()

async function compare(): Promise<void> {
  if (!hasPrometheus()) {
    process.stdout.write("Debian's prometheus is not installed: nothing to compare with\n")
    return
  }
  const server = await startPrometheus(exposition(cases.flatMap(({ series }) => series)))
  const rows = [['least CPU of a query, ms', 'Prometheus', 'ours', 'ratio', 'bar']]
  for (const { name, query, time, series } of cases) {
    const [theirs, ours]: [number[], number[]] = [[], []]
    for (let round = 0; round < rounds; round++) {
      const before = cpuMicroseconds(server.pid)
      const answer = await server.ask(...requestOf(query, time))
      if (answer.status !== 'success') throw new Error(answer.error)
      theirs.push((cpuMicroseconds(server.pid) - before) / 1_000)
      const begun = process.cpuUsage()
      const store = { select: () => Promise.resolve(series) }
      await evaluateQuery(store, { text: query, expr: parseQuery(query, features), time, options })
      const { user, system } = process.cpuUsage(begun)
      ours.push((user + system) / 1_000)
    }
    const [least, own] = [Math.min(...theirs), Math.min(...ours)]
    rows.push([name, least.toFixed(0), own.toFixed(0), (own / least).toFixed(2), '1.5'])
  }
  await server.stop()
  process.stdout.write(`${machineLine()}\n\n${markdownTable(rows)}\n`)
}

interface Shape {
  readonly count: number
  readonly samples: number
  readonly intervalMs: number
}

/** Counters whose last sample lies just before the end of the day. */
function createSeries(name: string, { count, samples, intervalMs }: Shape): readonly Series[] {
  const isHistogram = name.endsWith('_bucket')
  const names = isHistogram
    ? ['__name__', 'instance', 'job', 'le']
    : ['__name__', 'instance', 'job']
  return Array.from({ length: count }, (_, index) => {
    const nth = isHistogram ? index % bounds.length : 0
    const instance = isHistogram ? Math.floor(index / bounds.length) : index
    const labels = [name, `instance-${instance}:9100`, `job-${instance % 10}`]
    if (isHistogram) labels.push(bounds[nth] ?? '')
    const timestamps = new Float64Array(samples)
    const values = new Float64Array(samples)
    let value = 0
    for (let sample = 0; sample < samples; sample++) {
      timestamps[sample] = startMs + dayMs - 7 - (samples - 1 - sample) * intervalMs
      value += ((instance * 7 + sample * 13) % 10) * (nth + 1)
      values[sample] = value
    }
    return { labels: new Labels(names, labels), timestamps, values }
  })
}

function exposition(series: readonly Series[]): string {
  const lines: string[] = []
  for (const { labels, timestamps, values } of series) {
    const [name = '', ...rest] = labels.values
    const pairs = rest.map((value, index) => `${labels.names[index + 1]}="${value}"`)
    for (const [index, time] of timestamps.entries()) {
      lines.push(`${name}{${pairs.join(',')}} ${values[index]} ${time / 1_000}`)
    }
  }
  return `${lines.join('\n')}\n# EOF\n`
}

function requestOf(
  query: string,
  time: QueryTime,
): [path: string, parameters: Record<string, string>] {
  if (time.kind === 'instant') return ['query', { query, time: String(time.timeMs / 1_000) }]
  const [start, end, step] = [time.startMs, time.endMs, time.stepMs].map((ms) => String(ms / 1_000))
  return ['query_range', { query, start: start ?? '', end: end ?? '', step: step ?? '' }]
}
