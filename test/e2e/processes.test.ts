import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startBackplane, until, type Running } from '../harness/backplane.ts'

const echo = join(import.meta.dirname, '../harness/echo-service.mjs')

/** A service that says in the file `order` that it begins, and is not well while the file `sick` is there. */
const service = `
import { appendFileSync, existsSync } from 'node:fs'
import { createServer } from 'node:http'
appendFileSync('order', process.argv[2] + '\\n')
createServer((request, response) => {
  if (request.url === '/health') return response.writeHead(existsSync('sick') ? 500 : 200).end()
  if (request.url !== '/slow') return response.end('ok')
  appendFileSync('order', 'asked\\n')
  const timer = setInterval(() => {
    if (!existsSync('answer')) return
    clearInterval(timer)
    response.end('slow but whole')
  }, 20)
}).listen(Number(process.env.PORT), '127.0.0.1')
`
/** A task that takes a moment. */
const task = `
import { appendFileSync } from 'node:fs'
setTimeout(() => appendFileSync('order', process.argv[2] + '\\n'), 300)
`
const files = { 'service.mjs': service, 'task.mjs': task }

const orderIn = ({ folder }: Running): string[] => {
  const file = join(folder, 'order')
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
}

async function put(url: string, body: unknown) {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(url, { method: 'PUT', headers, body: JSON.stringify(body) })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

const versioned = (version: number, more = '') => `
name: order
listen: { default: off, gateway: 0, console: 0 }
services:
  web: { run: node service.mjs web-${version}, after: [migrate], health: { http: /health, interval: 200ms } }
  migrate: { run: node task.mjs migrate-${version}, task: true }
${more}
gateway: { routes: [{ path: /**, to: web }] }
`

test('a reload: the new migration runs before the new code; another service runs nothing again', async () => {
  await using backplane = await startBackplane({ config: versioned(1), files })
  assert.deepEqual(orderIn(backplane), ['migrate-1', 'web-1'])
  await backplane.configure(versioned(2))
  await until(() => orderIn(backplane).length === 4, 'the new version')
  assert.deepEqual(orderIn(backplane).slice(2), ['migrate-2', 'web-2'])
  await backplane.configure(versioned(2, `  other: { run: node ${echo} }`))
  await until(async () => {
    const answer = await fetch(`${backplane.admin}/api/v1/services/other/instances`)
    const { instances } = (await answer.json()) as { instances: { isRoutable: boolean }[] }
    return instances[0]?.isRoutable
  }, 'the new service')
  assert.equal(orderIn(backplane).length, 4, orderIn(backplane).join())
})

test('an instance that its check has taken out is not stopped before its last request is answered', async () => {
  const config = versioned(1).replace('interval: 200ms', 'interval: 200ms, unhealthy: 1')
  await using backplane = await startBackplane({ config, files })
  const slow = fetch(`${backplane.gateway}/slow`)
  await until(() => orderIn(backplane).includes('asked'), 'the request at the service')
  writeFileSync(join(backplane.folder, 'sick'), '')
  await until(async () => (await fetch(`${backplane.gateway}/`)).status === 503, 'it is out')
  await backplane.configure(config.replace('  web:', '  gone:').replace('to: web', 'to: gone'))
  await until(() => orderIn(backplane).length === 4, 'its replacement')
  writeFileSync(join(backplane.folder, 'answer'), '')
  const answer = await slow
  assert.deepEqual([answer.status, await answer.text()], [200, 'slow but whole'])
})

test('a full disk: what must be stored is refused with 507, everything else works, and it ends with the space', async (t) => {
  const data = mkdtempSync(join(tmpdir(), 'backplane-full-'))
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', data])
  t.after(() => {
    if (mounted.status === 0) spawnSync('umount', [data])
    rmSync(data, { recursive: true, force: true })
  })
  if (mounted.status !== 0) {
    t.skip('a small tmpfs cannot be mounted here')
    return
  }
  await using backplane = await startBackplane({
    config: versioned(1),
    files,
    args: ['--data', data],
  })
  const ballast = join(data, 'ballast')
  const url = `${backplane.admin}/api/v1/services/extra/instances`
  try {
    writeFileSync(ballast, Buffer.alloc(32 * 1024 * 1024, 'x'))
  } catch {
    // As much as there was room for.
  }
  assert.ok(statSync(ballast).size > 0)
  // The file may have some free pages and the log of the file some room: until both are used up.
  const meta = Object.fromEntries(
    Array.from({ length: 60 }, (_, at) => [`k${at}`, 'x'.repeat(500)]),
  )
  let nth = 0
  const refused = await until(async () => {
    const answer = await put(`${url}/i${nth++}`, { host: '127.0.0.1', port: 9, meta })
    return answer.status === 201 ? undefined : answer
  }, 'a refusal')
  assert.deepEqual([refused.status, refused.body['code']], [507, 'ERR_STORAGE_FULL'])
  const scale = () => put(`${backplane.admin}/api/v1/services/web/scale`, { instances: 2 })
  const { status, body } = await scale()
  assert.deepEqual([status, body['code']], [507, 'ERR_STORAGE_FULL'])
  assert.equal((await fetch(url)).status, 200)
  assert.equal((await fetch(`${backplane.gateway}/`)).status, 200)
  rmSync(ballast)
  assert.ok((await scale()).status < 300)
})
