import assert from 'node:assert/strict'
import { test } from 'node:test'
import { labelsOf } from '../../../mechanisms/labels/labels.ts'
import {
  bytesField,
  doubleField,
  encodeMessage,
  seriesField,
  textField,
  varintField,
} from '../../../mechanisms/protobuf/testing/encode.ts'
import { compressSnappy } from '../../../mechanisms/snappy/snappy.ts'
import { serveMetrics, type Served } from '../testing/served.ts'

const T0 = Math.floor(Date.now() / 60_000) * 60_000 - 600_000

async function filled(): Promise<Served> {
  const served = await serveMetrics()
  const { store } = served.house
  for (let at = 0; at < 20; at++) {
    for (const job of ['api', 'web']) {
      const labels = labelsOf([
        ['__name__', 'hits_total'],
        ['job', job],
      ])
      store.appendValue(store.seriesOf(labels), T0 + at * 30_000, at * (job === 'api' ? 30 : 60))
    }
  }
  store.putMetadata({ name: 'hits_total', type: 'counter', help: 'Hits.', unit: '' })
  await store.commit()
  return served
}

async function get(served: Served, path: string): Promise<{ status: number; json: unknown }> {
  const response = await fetch(served.url + path)
  return { status: response.status, json: await response.json() }
}

async function post(served: Served, path: string, form: string): Promise<unknown> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const response = await fetch(served.url + path, { method: 'POST', headers, body: form })
  return response.json()
}

test('instant and range queries, by GET, by form, and by POST with an empty body', async () => {
  await using served = await filled()
  const time = T0 / 1_000 + 570
  const expected = {
    status: 'success',
    data: {
      resultType: 'vector',
      result: [
        { metric: { job: 'api' }, value: [time, '1'] },
        { metric: { job: 'web' }, value: [time, '2'] },
      ],
    },
  }
  const query = 'sum by (job) (rate(hits_total[5m]))'
  const asked = `query=${encodeURIComponent(query)}&time=${time}`
  const sorted = (json: unknown) => {
    const { data } = json as { data: { result: { metric: { job: string } }[] } }
    data.result.sort((one, other) => (one.metric.job < other.metric.job ? -1 : 1))
    return json
  }
  assert.deepEqual(sorted((await get(served, `/api/v1/query?${asked}`)).json), expected)
  assert.deepEqual(sorted(await post(served, '/api/v1/query', asked)), expected)
  const empty = await fetch(`${served.url}/api/v1/query?${asked}&step=300s`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
  })
  assert.deepEqual(sorted(await empty.json()), expected)
  const range = `query=hits_total{job="api"}&start=${T0 / 1_000}&end=${T0 / 1_000 + 60}&step=30`
  assert.deepEqual((await get(served, `/api/v1/query_range?${range}`)).json, {
    status: 'success',
    data: {
      resultType: 'matrix',
      result: [
        {
          metric: { __name__: 'hits_total', job: 'api' },
          values: [0, 30, 60].map((step) => [T0 / 1_000 + step, String(step)]),
        },
      ],
    },
  })
})

test('what Grafana asks a Prometheus data source', async () => {
  await using served = await filled()
  const one = await post(served, '/api/v1/query', 'query=1%2B1&time=4')
  assert.deepEqual(one, { status: 'success', data: { resultType: 'scalar', result: [4, '2'] } })
  const info = (await get(served, '/api/v1/status/buildinfo')).json as { data: object }
  assert.ok(!('features' in info.data))
  const match = 'match%5B%5D=hits_total'
  const data = async (path: string) => ((await get(served, path)).json as { data: unknown }).data
  assert.deepEqual(await data('/api/v1/labels'), ['__name__', 'job'])
  assert.deepEqual(await data(`/api/v1/labels?${match}&limit=1`), ['__name__'])
  assert.deepEqual(await data(`/api/v1/label/job/values?${match}`), ['api', 'web'])
  assert.deepEqual(await data('/api/v1/label/__name__/values'), ['hits_total'])
  assert.deepEqual(await data('/api/v1/label/U__my_2e_label/values'), [])
  assert.deepEqual(await post(served, '/api/v1/series', `${match}&start=${T0 / 1_000}`), {
    status: 'success',
    data: [
      { __name__: 'hits_total', job: 'api' },
      { __name__: 'hits_total', job: 'web' },
    ],
  })
  assert.deepEqual(await data('/api/v1/metadata?metric=hits_total'), {
    hits_total: [{ type: 'counter', unit: '', help: 'Hits.' }],
  })
  assert.deepEqual(await data('/api/v1/query_exemplars?query=hits_total'), [])
  assert.deepEqual(await data('/api/v1/rules'), { groups: [] })
  assert.deepEqual(await data('/api/v1/format_query?query=sum(  a )'), 'sum(a)')
  const tree = (await data('/api/v1/parse_query?query=a')) as { type: string }
  assert.equal(tree.type, 'vectorSelector')
})

test('mistakes are told in the words of Prometheus', async () => {
  await using served = await filled()
  const mistakes: readonly (readonly [string, number, string, RegExp])[] = [
    [
      'query?query=1%2B',
      400,
      'bad_data',
      /invalid parameter "query": 1:3: parse error: unexpected end of input/,
    ],
    [
      'query?query=1&time=x',
      400,
      'bad_data',
      /invalid parameter "time": cannot parse "x" to a valid timestamp/,
    ],
    [
      'query?query=1&timeout=x',
      400,
      'bad_data',
      /invalid parameter "timeout": cannot parse "x" to a valid duration/,
    ],
    ['query?query=1&limit=-1', 400, 'bad_data', /limit must be non-negative/],
    ['query?query=hits_total{job=~"("}', 400, 'bad_data', /missing closing/],
    [
      'query_range?query=1&start=0&end=1',
      400,
      'bad_data',
      /invalid parameter "step": cannot parse "" to a valid duration/,
    ],
    [
      'query_range?query=1&start=0&end=1&step=0',
      400,
      'bad_data',
      /zero or negative query resolution step widths are not accepted/,
    ],
    [
      'query_range?query=1&start=2&end=1&step=1',
      400,
      'bad_data',
      /end timestamp must not be before start time/,
    ],
    [
      'query_range?query=1&start=0&end=100000&step=1',
      400,
      'bad_data',
      /exceeded maximum resolution of 11,000 points per timeseries/,
    ],
    ['series', 400, 'bad_data', /no match\[\] parameter provided/],
    [
      'series?match[]={a=""}',
      400,
      'bad_data',
      /match\[\] must contain at least one non-empty matcher/,
    ],
    [
      'query?query=hits_total%2Bon(x)hits_total',
      422,
      'execution',
      /found duplicate series for the match group/,
    ],
  ]
  for (const [path, status, errorType, message] of mistakes) {
    const answer = await get(served, `/api/v1/${path}`)
    const { error, ...rest } = answer.json as { error: string }
    assert.deepEqual(rest, { status: 'error', errorType }, path)
    assert.equal(answer.status, status, path)
    assert.match(error, message)
  }
})

test('a query beyond its limits fails, and the next one is answered', async () => {
  await using served = await serveMetrics({
    query: {
      timeoutMs: 30_000,
      seriesMax: 100_000,
      answerBytesMax: 1_000_000,
      samplesMax: 50,
      lookbackMs: 300_000,
    },
  })
  const { store } = served.house
  for (let n = 0; n < 100; n++) {
    const labels = labelsOf([
      ['__name__', 'x'],
      ['n', `${n}`],
    ])
    store.appendValue(store.seriesOf(labels), Date.now() - 1_000, n)
  }
  const answer = await get(served, '/api/v1/query?query=x')
  assert.equal(answer.status, 422)
  assert.match(JSON.stringify(answer.json), /would load too many samples into memory/)
  assert.equal((await get(served, '/api/v1/query?query=1')).status, 200)
})

async function write(served: Served, body: Uint8Array, headers: Record<string, string> = {}) {
  return fetch(`${served.url}/api/v1/write`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy', ...headers },
    body: Buffer.from(compressSnappy(body)),
  })
}

test('remote write 1.0 and 2.0 store what they say, and tell what they refuse', async () => {
  await using served = await serveMetrics()
  const now = Date.now()
  const good = seriesField(
    [
      ['__name__', 'a'],
      ['job', 'x'],
    ],
    [
      [now - 2_000, 1],
      [now - 1_000, 2],
    ],
  )
  assert.equal((await write(served, good)).status, 204)
  assert.equal((await write(served, good)).status, 204, 'the same again is no mistake')
  const conflict = await write(
    served,
    seriesField(
      [
        ['__name__', 'a'],
        ['job', 'x'],
      ],
      [[now - 1_000, 3]],
    ),
  )
  assert.equal(conflict.status, 400)
  assert.match(await conflict.text(), /duplicate sample for timestamp: a\{job="x"\}/)
  const future = await write(served, seriesField([['__name__', 'b']], [[now + 3_600_000, 3]]))
  assert.match(await future.text(), /too far in the future/)
  const nameless = await write(
    served,
    encodeMessage(
      seriesField([['job', 'x']], [[now, 3]]),
      seriesField([['__name__', 'c']], [[now, 4]]),
    ),
  )
  assert.equal(nameless.status, 400)
  const second = encodeMessage(
    ...['', '__name__', 'd'].map((text) => textField(4, text)),
    bytesField(
      5,
      encodeMessage(
        bytesField(1, Uint8Array.of(1, 2)),
        bytesField(2, encodeMessage(doubleField(1, 5), varintField(2, now))),
      ),
    ),
  )
  const two = await write(served, second, {
    'content-type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
  })
  assert.equal(two.status, 204)
  assert.equal(two.headers.get('x-prometheus-remote-write-samples-written'), '1')
  assert.equal(two.headers.get('x-prometheus-remote-write-histograms-written'), '0')
  const answer = await get(served, '/api/v1/query?query={__name__=~"[a-d]"}')
  const { data } = answer.json as {
    data: { result: { metric: { __name__: string }; value: [number, string] }[] }
  }
  assert.deepEqual(
    data.result
      .map(({ metric, value }) => `${metric.__name__} ${value[1]}`)
      .toSorted((one, other) => (one < other ? -1 : 1)),
    ['a 2', 'c 4', 'd 5'],
  )
})

test('bodies that are no remote write', async () => {
  await using served = await serveMetrics()
  const raw = (body: Uint8Array, headers: Record<string, string>) =>
    fetch(`${served.url}/api/v1/write`, { method: 'POST', headers, body: Buffer.from(body) })
  const type = { 'content-type': 'application/x-protobuf' }
  assert.equal((await raw(Uint8Array.of(9, 9, 9), type)).status, 400)
  assert.equal((await raw(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f), type)).status, 413)
  assert.equal((await raw(compressSnappy(Uint8Array.of(10, 200)), type)).status, 400)
  assert.equal((await raw(new Uint8Array(0), { 'content-type': 'text/plain' })).status, 415)
  assert.equal((await raw(new Uint8Array(0), { ...type, 'content-encoding': 'gzip' })).status, 415)
  assert.equal(
    (await raw(new Uint8Array(0), { 'content-type': 'application/x-protobuf;proto=x.Y' })).status,
    415,
  )
})

test('federation tells the newest samples', async () => {
  await using served = await filled()
  const response = await fetch(`${served.url}/federate?match[]=hits_total`)
  assert.equal(
    await response.text(),
    `# TYPE hits_total untyped\nhits_total{job="api"} 570 ${T0 + 570_000}\nhits_total{job="web"} 1140 ${T0 + 570_000}\n`,
  )
})

test('a selector of too many series, and an answer that is too large, are refused and nobody else is', async () => {
  const bounds = { timeoutMs: 30_000, samplesMax: 1_000_000, lookbackMs: 300_000 }
  const query = { ...bounds, seriesMax: 100, answerBytesMax: 20_000 }
  await using served = await serveMetrics({ query })
  const { store } = served.house
  const put = (name: string, count: number): void => {
    for (let number = 0; number < count; number++) {
      const labels = labelsOf([
        ['__name__', name],
        ['n', String(number)],
      ])
      for (let step = 0; step < 4; step++) {
        store.appendValue(store.seriesOf(labels), T0 + step * 30_000, number)
      }
    }
  }
  put('many', 101)
  put('few', 100)
  await store.commit()
  const ask = (text: string) =>
    get(served, `/api/v1/query?query=${encodeURIComponent(text)}&time=${T0 / 1_000 + 60}`)
  const many = await ask('count(many)')
  assert.equal(many.status, 422)
  assert.match(JSON.stringify(many.json), /"errorType":"execution".*more than 100 series/)
  assert.equal((await ask('count(few)')).status, 200)
  const range = `start=${T0 / 1_000}&end=${T0 / 1_000 + 90}`
  const large = await get(served, `/api/v1/query_range?query=few&${range}&step=1`)
  assert.equal(large.status, 422)
  assert.match(JSON.stringify(large.json), /more than 20000 bytes/)
  assert.equal((await get(served, `/api/v1/query_range?query=few&${range}&step=90`)).status, 200)
})
