import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { request, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { serveAdminSocket } from './admin-socket.ts'
import { createListenerApp } from './listener.ts'

function get(socketPath: string, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path, headers: { host: 'localhost' } }, (answer: IncomingMessage) => {
      text(answer).then((body) => resolve({ status: answer.statusCode ?? 0, body }), reject)
    })
      .on('error', reject)
      .end()
  })
}

test('the app is made once, when somebody asks first; a failure is tried again', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-admin-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'admin.sock')
  const logged: string[] = []
  const log = (_level: string, message: string) => void logged.push(message)
  let madeCount = 0
  const end = await serveAdminSocket(path, log, async () => {
    madeCount++
    if (madeCount === 1) throw new Error('not yet')
    const app = createListenerApp({ log, hosts: [], token: undefined })
    app.get('/api/v1/here', () => 'here')
    return app
  })
  assert.equal(madeCount, 0)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  await assert.rejects(get(path, '/api/v1/here'))
  assert.deepEqual(logged, ['the admin routes cannot be served'])
  const answers = await Promise.all([get(path, '/api/v1/here'), get(path, '/api/v1/here')])
  assert.deepEqual(
    answers.map(({ status, body }) => [status, body]),
    [
      [200, 'here'],
      [200, 'here'],
    ],
  )
  assert.equal((await get(path, '/api/v1/there')).status, 404)
  assert.equal(madeCount, 2)
  await end()
  assert.ok(!existsSync(path))
})
