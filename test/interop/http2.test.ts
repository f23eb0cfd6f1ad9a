import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { type Running, startBackplane } from '../harness/backplane.ts'
import { findGo, findGoTool, findInstalled, findJs } from './harness/clients.ts'
import { type Program, runProgram, startProgram } from './harness/programs.ts'

/** Clients and servers that this project did not write, in front of the gateway and behind it: HTTP/2 without TLS, and gRPC. */

const MODULE = 'go-http2'

/** The server of a program; it prints its port. */
async function serve(t: TestContext, program: Program): Promise<string> {
  const server = startProgram(t, program, { args: ['server'], env: { PORT: '0' } })
  return server.line(/^\d+$/)
}

async function startGateway(
  t: TestContext,
  port: string,
  protocol: 'http1' | 'h2c',
  more = '',
): Promise<Running> {
  const running = await startBackplane({
    config: `name: interop
listen: { default: off, gateway: 0, console: 0 }
services:
  echo: { at: ["127.0.0.1:${port}"], protocol: ${protocol}${more} }
gateway: { workers: 2, routes: [{ path: "/**", to: echo }] }
`,
  })
  t.after(() => running[Symbol.asyncDispose]())
  return running
}

const hostOf = (running: Running): string => new URL(running.gateway).host

test("gRPC's own interoperability tests, Go on both sides", async (t) => {
  const program = await findGo(t, 'grpc', MODULE)
  if (program === undefined) return
  const port = await serve(t, program)
  const running = await startGateway(t, port, 'h2c', ', health: { grpc: true }')
  const said = await runProgram(program, { args: ['client', hostOf(running)] })
  assert.equal(said.match(/^passed /gm)?.length, 16)
})

test('@grpc/grpc-js on both sides, and each with Go on the other', async (t) => {
  const js = await findJs(t, 'grpc', 'js-http2')
  if (js === undefined) return
  const running = await startGateway(t, await serve(t, js), 'h2c')
  const said = await runProgram(js, { args: ['client', hostOf(running)] })
  assert.equal(said, 'passed\n')
})

for (const protocol of ['h2c', 'http1'] as const) {
  test(`Go's net/http over HTTP/2, its server over ${protocol}`, async (t) => {
    const program = await findGo(t, 'nethttp', MODULE)
    if (program === undefined) return
    const running = await startGateway(t, await serve(t, program), protocol)
    const said = await runProgram(program, { args: ['client', `${running.gateway}/`] })
    assert.equal(said, 'passed\n')
  })
}

test('curl with prior knowledge', async (t) => {
  const program = await findGo(t, 'nethttp', MODULE)
  const curl = findInstalled(t, '/usr/bin/curl', 'curl')
  if (program === undefined || curl === undefined) return
  const running = await startGateway(t, await serve(t, program), 'http1')
  const format = '\n%{http_version} %{http_code}'
  const args = ['-sS', '--http2-prior-knowledge', '-w', format, '-d', 'hello', running.gateway]
  assert.equal(await runProgram(curl, { args }), 'hello\n2 200')
})

test('h2load: many streams on many connections, none fails', async (t) => {
  const program = await findGo(t, 'nethttp', MODULE)
  const h2load = findInstalled(t, '/usr/bin/h2load', 'nghttp2-client')
  if (program === undefined || h2load === undefined) return
  const port = await serve(t, program)
  for (const protocol of ['http1', 'h2c'] as const) {
    const running = await startGateway(t, port, protocol)
    const args = ['-n', '4000', '-c', '10', '-m', '32', `${running.gateway}/`]
    const said = await runProgram(h2load, { args })
    assert.match(said, /4000 succeeded, 0 failed, 0 errored, 0 timeout/)
  }
})

/**
 * Of h2spec's 145 cases one cannot pass where HTTP/1.1 is spoken on the same port: what is no preface is answered as the request of HTTP/1.1 that it is
 * (RFC 9113 section 3.4 leaves that open).
 */
test('h2spec: every case but that of a preface that is none', async (t) => {
  const program = await findGo(t, 'nethttp', MODULE)
  const h2spec = await findGoTool(t, 'github.com/summerwind/h2spec/cmd/h2spec', MODULE)
  if (program === undefined || h2spec === undefined) return
  const running = await startGateway(t, await serve(t, program), 'http1')
  const { hostname, port } = new URL(running.gateway)
  const started = startProgram(t, h2spec, { args: ['-h', hostname, '-p', port, '-o', '5'] })
  const { stdout } = await started.ended
  const failures = stdout.slice(stdout.indexOf('Failures:'))
  assert.deepEqual(
    failures.match(/× \d+: .*/g),
    ['× 2: Sends invalid connection preface'],
    failures,
  )
  assert.match(stdout, /145 tests, 144 passed, 0 skipped, 1 failed/)
})
