import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../../../platform/clock.ts'
import type { CheckSpec } from '../check-spec.ts'
import { oneCheck } from '../testdata/ground.ts'
import { runCheck } from './run.ts'

/** Without an environment that others change: each of these tests is alone in its process. */
const ask = (spec: CheckSpec, signal = new AbortController().signal) =>
  runCheck(spec, { host: '127.0.0.1', port: 1 }, signal, systemClock)

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-checks-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

function setVariable(t: TestContext, name: string, value: string): void {
  const before = process.env[name]
  process.env[name] = value
  t.after(() => {
    if (before === undefined) delete process.env[name]
    else process.env[name] = before
  })
}

test('UDP: an answer and silence pass, a port that is closed does not', async () => {
  const server = createSocket('udp4')
  server.bind(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  const spec = { kind: 'udp', address: `localhost:${port}`, ...oneCheck, timeoutMs: 100 } as const
  const silent = await ask({ ...spec, address: `127.0.0.1:${port}` })
  assert.deepEqual([silent.status, silent.output], ['passing', `127.0.0.1:${port} takes datagrams`])
  server.on('message', (_text, from) => server.send('yes', from.port, from.address))
  assert.match((await ask({ ...spec, address: `127.0.0.1:${port}` })).output, /answers$/)
  server.close()
  await once(server, 'close')
  const closed = await ask({ ...spec, address: `127.0.0.1:${port}`, timeoutMs: 5_000 })
  assert.equal(closed.status, 'critical')
  assert.match(closed.output, /ECONNREFUSED/)
  await assert.rejects(ask({ ...spec, address: 'none.invalid:1' }))
  await assert.rejects(ask({ ...spec, timeoutMs: 60_000 }, AbortSignal.abort()), /aborted/)
})

test('H2PING: a PING that is answered passes; whoever speaks something else does not', async (t) => {
  const server = createHttp2Server()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const spec = { kind: 'h2ping', address, ...oneCheck } as const
  assert.equal((await ask(spec)).status, 'passing')
  assert.equal((await ask({ ...spec, tls: {} })).status, 'critical')
  const other = createTcpServer((socket) => {
    socket.on('error', () => {})
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
  }).listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.after(() => other.close())
  const port = (other.address() as AddressInfo).port
  assert.equal((await ask({ ...spec, address: `127.0.0.1:${port}` })).status, 'critical')
  assert.equal((await ask({ ...spec, address: '127.0.0.1:1' })).status, 'critical')
  const silent = createTcpServer((socket) => void socket.on('error', () => {})).listen(
    0,
    '127.0.0.1',
  )
  await once(silent, 'listening')
  t.after(() => silent.close())
  const at = `127.0.0.1:${(silent.address() as AddressInfo).port}`
  await assert.rejects(ask({ ...spec, address: at }, AbortSignal.timeout(50)), /aborted/)
})

test('a unit of systemd passes when it is active, and its name is no option', async (t) => {
  const folder = folderOf(t)
  const program = join(folder, 'systemctl')
  writeFileSync(
    program,
    '#!/bin/sh\n[ "$1 $2" = "is-active --" ] || exit 4\ncase "$3" in web*) echo active ;; *) echo inactive; exit 3 ;; esac\n',
  )
  chmodSync(program, 0o755)
  setVariable(t, 'PATH', `${folder}:${process.env['PATH']}`)
  const unit = async (name: string) => {
    const { status, output } = await ask({ kind: 'os-service', unit: name, ...oneCheck })
    return `${status} ${output}`
  }
  assert.equal(await unit('web.service'), 'passing web.service: active')
  assert.equal(await unit('db'), 'critical db: inactive')
})

test('Docker: the exit code of a program in the container counts', async (t) => {
  const socket = join(folderOf(t), 'docker.sock')
  const asked: string[] = []
  let code = 0
  const frame = (kind: number, text: string) => {
    const head = Buffer.alloc(8)
    head[0] = kind
    head.writeUInt32BE(text.length, 4)
    return Buffer.concat([head, Buffer.from(text)])
  }
  const engine = createHttpServer((request, response) => {
    void (request.toArray() as Promise<Buffer[]>).then((chunks) => {
      asked.push(`${request.method} ${request.url} ${Buffer.concat(chunks).toString()}`)
      if (request.url?.includes('/containers/none/') === true) {
        response.writeHead(404).end('{"message":"No such container: none"}')
      } else if (request.url?.endsWith('/start') === true) {
        response.write(frame(1, 'it is '))
        response.end(frame(2, 'well\n'))
      } else if (request.method === 'GET') response.end(JSON.stringify({ ExitCode: code }))
      else response.writeHead(201).end('{"Id":"abc123"}')
    })
  }).listen(socket)
  await once(engine, 'listening')
  t.after(() => engine.close())
  setVariable(t, 'DOCKER_HOST', `unix://${socket}`)
  const spec = { kind: 'docker', container: 'web', argv: ['/check', '-x'], ...oneCheck } as const
  for (const [given, wanted] of [
    [0, 'passing'],
    [1, 'warning'],
    [2, 'critical'],
  ] as const) {
    code = given
    const { status, output } = await ask(spec)
    assert.deepEqual([status, output], [wanted, 'it is well'])
  }
  assert.deepEqual(asked.slice(0, 3), [
    'POST /v1.41/containers/web/exec {"AttachStdout":true,"AttachStderr":true,"Cmd":["/check","-x"]}',
    'POST /v1.41/exec/abc123/start {"Detach":false,"Tty":false}',
    'GET /v1.41/exec/abc123/json ',
  ])
  await assert.rejects(
    ask({ ...spec, container: 'none' }),
    /Docker answers 404: .*No such container/,
  )
  setVariable(t, 'DOCKER_HOST', `unix://${socket}.none`)
  await assert.rejects(ask(spec), /ENOENT/)
})
