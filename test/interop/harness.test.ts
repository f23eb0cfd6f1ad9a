import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { isAlive, until } from '../harness/backplane.ts'
import { findGo, findGoTool, findInstalled, findJs, findPython } from './harness/clients.ts'
import { runProgram, startProgram, type Program } from './harness/programs.ts'

/** As much of a Consul as has one key. */
async function serveGreeting(t: TestContext): Promise<string> {
  const server = createServer((request, response) => {
    assert.equal(request.url?.split('?')[0], '/v1/kv/greeting')
    const value = Buffer.from('good day').toString('base64')
    const pair = { Key: 'greeting', Value: value, Flags: 0, LockIndex: 0 }
    response.setHeader('x-consul-index', '7')
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify([{ ...pair, CreateIndex: 7, ModifyIndex: 7 }]))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return String((server.address() as AddressInfo).port)
}

const shell = (script: string): Program => ({ command: '/bin/sh', args: ['-c', script], env: {} })

test('a client of JavaScript is the one that is pinned', async (t) => {
  const client = await findJs(t, 'smoke')
  if (client === undefined) return
  const port = await serveGreeting(t)
  const found = JSON.parse(await runProgram(client, { args: [port] })) as Record<string, unknown>
  assert.deepEqual([found['consul'], found['Value']], ['2.0.1', 'good day'])
})

test('a client of Go is built', async (t) => {
  const client = await findGo(t, 'smoke')
  if (client === undefined) return
  const port = await serveGreeting(t)
  assert.equal(await runProgram(client, { args: [port] }), 'good day')
})

test('a tool of Go is the one that is pinned', async (t) => {
  const tool = await findGoTool(t, 'github.com/hashicorp/consul-template')
  if (tool === undefined) return
  assert.match(await runProgram(tool, { args: ['-version'] }), /v0\.43\.0/)
})

test('a client of Python comes from Debian', async (t) => {
  const client = await findPython(t, 'smoke', ['consul'])
  if (client === undefined) return
  const port = await serveGreeting(t)
  assert.equal(await runProgram(client, { args: [port] }), 'good day')
})

test('what takes too long is killed with all that it started', async (t) => {
  const started = startProgram(t, shell('sleep 300 & echo child $!; wait'))
  const pid = Number((await started.line(/^child/)).split(' ')[1])
  assert.ok(isAlive(pid))
  started.kill('SIGKILL')
  await started.ended
  await until(() => !isAlive(pid), 'the end of what it had started')
  await assert.rejects(
    runProgram(shell('echo so far; sleep 300 & wait'), { withinMs: 100 }),
    /was killed after 100 ms\nso far/,
  )
})

test('the end of a program is not held up by what keeps its output open', async (t) => {
  const started = startProgram(t, shell('setsid sleep 20 & echo $!'))
  const pid = Number(await started.line(/^\d+$/))
  t.after(() => process.kill(pid, 'SIGKILL'))
  assert.equal((await started.ended).code, 0)
})

test('a program that fails says what it has printed', async () => {
  await assert.rejects(
    runProgram(shell('echo out; echo err >&2; exit 3')),
    /ended with 3\nout\n\nerr/,
  )
})

test('a line that never comes is an error when the program ends', async (t) => {
  const started = startProgram(t, shell('echo one'))
  await assert.rejects(started.line(/two/), /ended with 0 before a line matched/)
})

test('a program that is not installed skips its test and names the package', (t) => {
  let reason: unknown
  const context = { skip: (why: unknown) => void (reason = why) } as unknown as TestContext
  assert.equal(findInstalled(context, '/nowhere/dig', 'bind9-dnsutils'), undefined)
  assert.match(String(reason), /apt-get install bind9-dnsutils/)
  assert.equal(findInstalled(t, '/bin/sh', 'dash')?.command, '/bin/sh')
})
