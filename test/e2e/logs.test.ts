import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { runCli, type Running, startBackplane, until } from '../harness/backplane.ts'

const SERVICE = `
const { createServer } = require('node:http')
createServer((request, response) => {
  const [, count] = /^.lines.(\\d+)/.exec(request.url) ?? []
  for (let line = 1; line <= Number(count ?? 0); line++) console.log('line ' + line + ' of ' + process.env.BACKPLANE_INSTANCE)
  if (request.url === '/fail') console.error(new Error('it broke').stack)
  response.end(process.env.OTEL_EXPORTER_OTLP_ENDPOINT ?? 'none')
}).listen(process.env.PORT)
`

async function start(t: TestContext, more = ''): Promise<Running> {
  const running = await startBackplane({
    config: `listen: { default: off, gateway: 0, console: 0, otlp-http: 0 }
services: { shop: { run: node shop.js } }
gateway: { workers: 1, routes: [{ path: "/**", to: shop }] }
${more}`,
    files: { 'shop.js': SERVICE },
  })
  t.after(() => running[Symbol.asyncDispose]())
  return running
}

const ask = async (running: Running, path: string): Promise<string> =>
  (await fetch(`${running.gateway}${path}`)).text()

async function linesOf(running: Running, ...args: string[]): Promise<readonly string[]> {
  const { code, stdout, stderr } = await runCli(['logs', '--no-times', ...args], running.folder)
  assert.equal(code, 0, stderr)
  return stdout.split('\n').filter((line) => line !== '')
}

test('what a service prints is searched by level, text and time, also of an instance that is gone', async (t) => {
  const running = await start(t)
  assert.equal(await ask(running, '/lines/3'), `http://${running.ready.listen['otlp-http']}`)
  await ask(running, '/fail')
  await until(async () => (await linesOf(running, '--level', 'error')).length > 0, 'the failure')
  const [failure, ...frames] = await linesOf(running, 'shop', '--level', 'error')
  assert.equal(failure, 'shop-1 ! Error: it broke')
  assert.ok(
    frames.length > 1 && frames.every((frame) => /^\s+at /.test(frame)),
    'one record with its frames',
  )
  await runCli(['restart', 'shop'], running.folder)
  await until(
    async () =>
      (await ask(running, '/lines/1')) !== '' &&
      (await linesOf(running, '--grep', 'of shop-2')).length > 0,
    'the new instance',
  )
  const old = await linesOf(running, 'shop-1', '--since', '1h', '--grep', 'LINE')
  assert.deepEqual(old.slice(0, 3), [
    'shop-1 | line 1 of shop-1',
    'shop-1 | line 2 of shop-1',
    'shop-1 | line 3 of shop-1',
  ])
})

test('telemetry is killed while services print: no line is lost', async (t) => {
  const running = await start(t)
  const first = (running.ready.pids as Readonly<Record<string, number>>)['telemetry'] ?? 0
  assert.ok(first > 0)
  for (let round = 0; round < 4; round++) {
    await ask(running, '/lines/500')
    if (round === 1) process.kill(first, 'SIGKILL')
  }
  // While the store is away the command shows what is still in memory: its answer counts once it has everything.
  let worst = ''
  await until(
    async () => {
      const found = await linesOf(running, 'shop', '--since', '1h', '--tail', '10000')
      const counts = Array.from(
        { length: 500 },
        (_, at) => found.filter((one) => one.endsWith(`line ${at + 1} of shop-1`)).length,
      )
      const least = Math.min(...counts)
      worst = `line ${counts.indexOf(least) + 1} was found ${least} times of ${found.length} lines`
      return least >= 4
    },
    () => `each line of each round: ${worst}`,
    60_000,
  )
})

test('services are not told where OpenTelemetry is taken where the file says so', async (t) => {
  const running = await start(t, 'logs: { environment: false }\n')
  assert.equal(await ask(running, '/'), 'none')
})
