import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { type Running, startBackplane } from '../harness/backplane.ts'
import { findInstalled, findJs } from './harness/clients.ts'
import { runProgram } from './harness/programs.ts'

/** Clients that this project did not write send logs and traces; what they sent is found by a search. */

const MODULE = 'js-logs'

interface Row {
  readonly body: string
  readonly service: string
  readonly severity: number
  readonly name: string
  readonly attributes: Readonly<Record<string, unknown>>
  readonly events: readonly { readonly name: string; readonly attributes: object }[]
  readonly status: string
  readonly message: string
}

async function start(t: TestContext, listeners: string): Promise<Running> {
  const running = await startBackplane({
    config: `name: interop
listen: { default: off, gateway: 0, console: 0, ${listeners} }
gateway: { workers: 1 }
`,
  })
  t.after(() => running[Symbol.asyncDispose]())
  return running
}

async function search(running: Running, query: string, signal = 'logs'): Promise<readonly Row[]> {
  const asked = new URLSearchParams({ query, signal, limit: '100' })
  const response = await fetch(`${running.admin}/api/v1/telemetry/logs/search?${asked.toString()}`)
  const answer = (await response.json()) as { rows?: readonly Row[]; detail?: string }
  assert.equal(response.status, 200, answer.detail)
  return answer.rows ?? []
}

test("OpenTelemetry's exporters: protobuf, JSON and gRPC, logs and spans", async (t) => {
  const program = await findJs(t, 'otlp', MODULE)
  if (program === undefined) return
  const running = await start(t, 'otlp-http: 0, otlp-grpc: 0')
  const at = (name: string) => `http://${running.ready.listen[name]}`
  const said = await runProgram(program, { args: [at('otlp-http'), at('otlp-grpc')] })
  const lines = said.trim().split('\n')
  assert.equal(lines.length, 3)
  for (const line of lines) {
    const [kind = '', trace = '', ...told] = line.split(' ')
    assert.deepEqual(told, ['0', '0'], `${kind}: both exports succeeded`)
    const [log] = await search(running, `service:by-${kind} http.status>=500 order.id:7`)
    assert.equal(log?.body, `declined by ${kind}`)
    assert.equal(log.severity, 17)
    assert.deepEqual(log.attributes['tags'], ['a', 'b'])
    assert.equal(log.attributes['ok'], false)
    assert.equal(log.attributes['resource.host.name'], 'h1')
    const [span] = await search(running, `trace:${trace} status:error`, 'spans')
    assert.equal(span?.name, 'charge')
    assert.equal(span.message, 'declined')
    assert.deepEqual(span.events[0]?.attributes, { card: 'visa' })
    const joined = await fetch(`${running.admin}/api/v1/telemetry/traces/${trace}`)
    const { spans, logs } = (await joined.json()) as { spans: Row[]; logs: Row[] }
    assert.deepEqual([spans.length, logs.length], [1, 1])
  }
})

test('clients of Elasticsearch, version 9 and 8: bulk helper, documents, templates', async (t) => {
  const program = await findJs(t, 'shippers', MODULE)
  if (program === undefined) return
  const running = await start(t, 'elasticsearch: 0')
  const at = `http://${running.ready.listen['elasticsearch']}`
  for (const [which, service] of [
    ['elasticsearch', 'rch-bulk'],
    ['es8', 'es8-bulk'],
  ] as const) {
    const said = await runProgram(program, { args: [which, at] })
    assert.equal(said.trim(), 'You Know, for Search 1000 0 created true 201 400')
    const found = await search(
      running,
      `service:${service} level:error http.response.status_code:5*`,
    )
    assert.equal(found.length, 1)
    assert.match(found[0]!.body, /^line 7 of /)
  }
  assert.equal((await search(running, 'service:shop "a single one" n:5')).length, 2)
  assert.equal((await search(running, 'service:shop good')).length, 2, 'the good one lives')
  await runProgram(program, { args: ['pinoElasticsearch', at] })
  const [log] = await search(running, 'index:pino ctx.cart:c1 user>41')
  assert.equal(log?.body, 'pino says hello')
  assert.equal(log.severity, 13)
})

test('pino-loki (JSON) and winston-loki (snappy, protobuf)', async (t) => {
  const program = await findJs(t, 'shippers', MODULE)
  if (program === undefined) return
  const running = await start(t, 'loki: 0')
  const at = `http://${running.ready.listen['loki']}`
  await runProgram(program, { args: ['pinoLoki', at] })
  const [json] = await search(running, 'service:pino-loki-app level:error order:7')
  assert.equal(json?.body, 'loki by pino')
  await runProgram(program, { args: ['winstonLoki', at] })
  const [packed] = await search(running, 'service:winston-loki-app level:warn')
  assert.match(packed?.body ?? '', /loki by winston/)
  assert.equal(packed?.attributes['shop'], 'a"b', 'a label that its client did not quote')
})

test("Splunk's own logger", async (t) => {
  const program = await findJs(t, 'shippers', MODULE)
  if (program === undefined) return
  const running = await start(t, 'splunk: 0')
  const said = await runProgram(program, {
    args: ['splunk', `http://${running.ready.listen['splunk']}`],
  })
  assert.deepEqual(JSON.parse(said), { text: 'Success', code: 0 })
  const [log] = await search(running, 'service:shop "splunk says hello"')
  assert.equal(log?.attributes['splunk.source'], 'shop')
})

test('logger of util-linux, over UDP and TCP', async (t) => {
  const logger = findInstalled(t, '/usr/bin/logger', 'bsdutils')
  if (logger === undefined) return
  const running = await start(t, 'syslog: 0')
  const [host = '', port = ''] = (running.ready.listen['syslog'] ?? '').split(':')
  const to = ['--server', host, '--port', port, '--tag', 'shop', '--priority', 'user.err']
  await runProgram(logger, { args: [...to, '--udp', '--rfc3164', 'by datagram'] })
  await runProgram(logger, {
    args: [...to, '--tcp', '--octet-count', '--rfc5424', 'counted octets'],
  })
  await runProgram(logger, { args: [...to, '--tcp', '--rfc3164', 'by lines'] })
  for (const text of ['by datagram', 'counted octets', 'by lines']) {
    const found = await until(() => search(running, `service:shop level:error "${text}"`))
    assert.equal(found[0]?.body, text)
  }
})

/** What is not acknowledged to its sender is looked for until it is there. */
async function until(look: () => Promise<readonly Row[]>): Promise<readonly Row[]> {
  for (;;) {
    const found = await look()
    if (found.length > 0) return found
  }
}
