import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  jobFor,
  serveMetrics,
  type Served,
  startTarget,
} from '../../../src/capabilities/metrics/testing/served.ts'
import { labelsOf } from '../../../src/mechanisms/labels/labels.ts'
import { promtool, withoutPrometheus } from './promtool.ts'
import { startPrometheus } from './prometheus.ts'

const skip = withoutPrometheus

interface Answer {
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>
      readonly value?: readonly [number, string]
      readonly values?: readonly (readonly [number, string])[]
    }[]
  }
}

async function ask(url: string, path: string): Promise<Answer> {
  return (await fetch(`${url}/api/v1/${path}`)).json() as Promise<Answer>
}

/** Asks until the answer has so many series. */
async function askUntil(
  url: string,
  query: string,
  count: number,
): Promise<Answer['data']['result']> {
  for (;;) {
    const { data } = await ask(url, `query?query=${encodeURIComponent(query)}`)
    if (data !== undefined && data.result.length >= count) return data.result
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test(
  'Prometheus writes to us what it scrapes, metadata too, and we answer it',
  { skip },
  async () => {
    await using target = await startTarget()
    await using served = await serveMetrics()
    target.body =
      '# HELP hits_total All hits.\n# TYPE hits_total counter\nhits_total{path="/a b\\"c\\n"} 7\nbad NaN\n'
    await using _prometheus = await startPrometheus(`
global: { scrape_interval: 1s }
scrape_configs: [{ job_name: web, static_configs: [{ targets: ["${target.address}"] }] }]
remote_write:
- url: ${served.url}/api/v1/write
  queue_config: { batch_send_deadline: 100ms }
  metadata_config: { send: true, send_interval: 1s }
`)
    const [hits] = await askUntil(served.url, 'hits_total', 1)
    assert.deepEqual(hits?.metric, {
      __name__: 'hits_total',
      instance: target.address,
      job: 'web',
      path: '/a b"c\n',
    })
    assert.equal(hits?.value?.[1], '7')
    const [up] = await askUntil(served.url, 'up == 1', 1)
    assert.equal(up?.metric['job'], 'web')
    const { metadata } = served.house.store
    while (!metadata.has('hits_total')) await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(metadata.get('hits_total'), {
      name: 'hits_total',
      type: 'counter',
      help: 'All hits.',
      unit: '',
    })
  },
)

test('Prometheus federates from us', { skip }, async () => {
  await using target = await startTarget()
  await using served = await serveMetrics()
  target.body = 'temperature{room="kitchen"} 21.5\n'
  await served.house.apply({ ...served.state, jobs: [jobFor(target.address, { name: 'home' })] })
  for (const one of served.house.targets.scraped()) await one.scrape(Date.now())
  await using prometheus = await startPrometheus(`
global: { scrape_interval: 1s }
scrape_configs:
- job_name: federate
  honor_labels: true
  metrics_path: /federate
  params: { 'match[]': ['{job="home"}'] }
  static_configs: [{ targets: ["${served.url.slice('http://'.length)}"] }]
`)
  const [temperature] = await askUntil(prometheus.url, 'temperature', 1)
  assert.deepEqual(temperature?.metric, {
    __name__: 'temperature',
    instance: target.address,
    job: 'home',
    room: 'kitchen',
  })
})

test('promtool asks us: instant, range, series, labels', { skip }, async () => {
  await using served = await serveMetrics()
  const { store } = served.house
  const t0 = Math.floor(Date.now() / 60_000) * 60_000 - 600_000
  const ref = store.seriesOf(
    labelsOf([
      ['__name__', 'hits_total'],
      ['job', 'api'],
    ]),
  )
  for (let at = 0; at < 20; at++) store.appendValue(ref, t0 + at * 30_000, at)
  await store.commit()
  const at = t0 / 1_000 + 60
  assert.equal(
    await promtool('query', 'instant', `--time=${at}`, served.url, 'hits_total'),
    `hits_total{job="api"} => 2 @[${at}]\n`,
  )
  assert.equal(
    await promtool(
      'query',
      'range',
      `--start=${at}`,
      `--end=${at + 60}`,
      '--step=30s',
      served.url,
      'hits_total',
    ),
    `hits_total{job="api"} =>\n2 @[${at}]\n3 @[${at + 30}]\n4 @[${at + 60}]\n`,
  )
  assert.equal(
    await promtool('query', 'series', '--match=hits_total', served.url),
    '{__name__="hits_total", job="api"}\n',
  )
  assert.equal(await promtool('query', 'labels', served.url, 'job'), 'api\n')
  await assert.rejects(promtool('query', 'instant', served.url, 'sum('), /parse error/)
})

/** Writes the same samples to both. */
async function writeBoth(served: Served, prometheusUrl: string): Promise<number> {
  const { compressSnappy } = await import('../../../src/mechanisms/snappy/snappy.ts')
  const { encodeMessage, seriesField } =
    await import('../../../src/mechanisms/protobuf/testing/encode.ts')
  const t0 = Math.floor(Date.now() / 60_000) * 60_000 - 1_800_000
  let state = 42
  const random = (): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return state / 2 ** 31
  }
  const series: Uint8Array[] = []
  for (const job of ['api', 'web', 'db']) {
    for (let instance = 0; instance < 4; instance++) {
      let counter = 1e6
      const labels = (name: string): [string, string][] => [
        ['__name__', name],
        ['instance', `${job}-${instance}`],
        ['job', job],
      ]
      const counters: [number, number][] = []
      const gauges: [number, number][] = []
      for (let step = 0; step < 110; step++) {
        if (random() < 0.1) continue
        counter = random() < 0.03 ? 1e5 : counter + Math.floor(random() * 50)
        const time = t0 + step * 15_000 + 1 + Math.floor(random() * 19)
        counters.push([time, counter])
        gauges.push([time, Math.round(random() * 1e6) / 1e3])
      }
      series.push(seriesField(labels('c_total'), counters), seriesField(labels('g'), gauges))
    }
  }
  const body = Buffer.from(compressSnappy(encodeMessage(...series)))
  for (const url of [served.url, prometheusUrl]) {
    const response = await fetch(`${url}/api/v1/write`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' },
      body,
    })
    assert.equal(response.status, 204, await response.text())
  }
  return t0
}

/**
 * Queries whose meaning is the same in 2.42 and 3.x, on these samples: no range begins exactly at a sample (3.x leaves that one out), thanks to the milliseconds
 * of each, and no counter is near zero (3.x extrapolates otherwise there).
 */
const queries = [
  'c_total',
  'g',
  'rate(c_total[3m])',
  'increase(c_total[7m])',
  'irate(c_total[2m])',
  'sum by (job) (rate(c_total[5m]))',
  'avg without (instance) (g)',
  'topk(2, g)',
  'quantile(0.9, g)',
  'stddev by (job) (g)',
  'max_over_time(g[4m])',
  'quantile_over_time(0.3, g[4m])',
  'deriv(g[5m])',
  'predict_linear(g[5m], 60)',
  'resets(c_total[10m])',
  'changes(g[3m])',
  'g > 500',
  'g > bool 500',
  'c_total{job=~"a.*|db"} / on (instance) group_left g',
  'g and on (job) (g{job="web"} > 900)',
  'count_values("v", floor(g / 100))',
  'label_replace(g, "x", "$1", "instance", "(.*)-.*")',
  'avg_over_time(rate(c_total[2m])[10m:1m])',
  'g offset 5m',
  'absent(nothing)',
  'sort_desc(sum by (instance) (g))',
  'clamp(g, 100, 200)',
  '{instance!~"web-.*", __name__="g"}',
  'histogram_quantile(0.9, g)',
]

test('on the same samples we answer as Prometheus does', { skip }, async () => {
  await using served = await serveMetrics()
  await using prometheus = await startPrometheus(
    'global: {}\n',
    '--web.enable-remote-write-receiver',
  )
  const t0 = await writeBoth(served, prometheus.url)
  // Never at a whole minute, where subqueries have their steps.
  const start = t0 / 1_000 + 307
  const canonical = ({ data }: Answer): string =>
    JSON.stringify(
      data.result
        .map(({ metric, values }) => ({
          metric: Object.entries(metric).toSorted(([one], [other]) => (one < other ? -1 : 1)),
          // The last digits of sums depend on the order of what is added.
          values: values?.map(([time, value]) => [time, Number(Number(value).toPrecision(9))]),
        }))
        .toSorted((one, other) =>
          JSON.stringify(one.metric) < JSON.stringify(other.metric) ? -1 : 1,
        ),
    )
  const wrong: string[] = []
  for (const query of queries) {
    const path = `query_range?start=${start}&end=${start + 1_200}&step=60&query=`
    const [one, other] = await Promise.all([
      ask(served.url, path + encodeURIComponent(query)),
      ask(prometheus.url, path + encodeURIComponent(query)),
    ])
    if (other.data.result.length === 0 && !/nothing|histogram/.test(query))
      wrong.push(`${query}: nothing to compare`)
    if (canonical(one) !== canonical(other)) wrong.push(query)
  }
  assert.deepEqual(wrong, [])
})
