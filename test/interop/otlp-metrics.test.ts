import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBackplane } from '../harness/backplane.ts'
import { findJs } from './harness/clients.ts'
import { runProgram } from './harness/programs.ts'

test("OpenTelemetry's meters: protobuf, JSON and gRPC, cumulative and delta, both kinds of histograms", async (t) => {
  const program = await findJs(t, 'otlp-metrics', 'js-metrics')
  if (program === undefined) return
  await using running = await startBackplane({
    config: `
listen: { default: off, gateway: 0, console: 0, prometheus: 0, otlp-http: 0, otlp-grpc: 0 }
gateway: { workers: 1 }
`,
  })
  const at = (name: string) => `http://${running.ready.listen[name]}`
  const said = await runProgram(program, { args: [at('otlp-http'), at('otlp-grpc')] })
  assert.deepEqual(said.trim().split('\n'), ['proto', 'http', 'grpc'])
  const ask = async (query: string): Promise<readonly string[]> => {
    const url = `${at('prometheus')}/api/v1/query?query=${encodeURIComponent(query)}`
    const { data } = (await (await fetch(url)).json()) as {
      data: { result: { metric: Record<string, string>; value: [number, string] }[] }
    }
    return data.result
      .map(({ metric, value }) => `${metric['job']} ${metric['instance']} ${value[1]}`)
      .toSorted()
  }
  const each = (value: string) =>
    ['by-grpc', 'by-http', 'by-proto'].flatMap((job) =>
      ['0', '1'].map((one) => `${job} ${one} ${value}`),
    )
  const by = 'sum by (job, instance)'
  assert.deepEqual(await ask(`${by} (http_requests_total{http_method="GET"})`), each('3'))
  assert.deepEqual(await ask(`${by} (http_duration_seconds_count)`), each('2'))
  assert.deepEqual(await ask(`${by} (http_duration_seconds_sum)`), each('3'))
  assert.deepEqual(await ask(`${by} (histogram_count(fine_duration_seconds))`), each('2'))
  assert.deepEqual(await ask(`${by} (histogram_sum(fine_duration_seconds))`), each('3'))
  assert.deepEqual(await ask('target_info{host_name="h1"}'), each('1'))
})
