import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serveRoutes } from '../../platform/http/testing/serve.ts'
import { startForTest } from './testing/start.ts'

test('the console lists, reads, sets and deletes by compare-and-set', async (t) => {
  const { kv, part } = await startForTest(t)
  const { call } = await serveRoutes(t, part.routes ?? [])
  const json = async (path: string, method = 'GET', body?: object) => {
    const { status, text } = await call(path, method, body)
    return { status, body: JSON.parse(text) as Record<string, unknown> }
  }
  const set = (key: string, value: string, index: number) =>
    json('/api/v1/keys/entry', 'PUT', { key, value, index })
  assert.equal((await set('app/one', 'zwei €', 0)).body['value'], 'zwei €')
  const again = await set('app/one', 'x', 0)
  assert.deepEqual([again.status, again.body['code']], [409, 'ERR_KV_CHANGED'])
  assert.equal((await set('app/one', 'new', 2)).status, 200)
  await kv.run({ verb: 'set', key: 'app/deep/a', value: Buffer.from([255]), flags: 2n ** 63n })
  await kv.run({ verb: 'set', key: 'app/deep/b', value: Buffer.from('1'), flags: 0n })
  const { body } = await json('/api/v1/keys?prefix=app/')
  assert.deepEqual(body['folders'], [{ folder: 'app/deep/', count: 2 }])
  assert.equal((body['keys'] as unknown[]).length, 1)
  assert.equal(body['isComplete'], true)
  const binary = (await json('/api/v1/keys/entry?key=app/deep/a')).body
  assert.deepEqual(
    [binary['encoding'], binary['value'], binary['flags']],
    ['base64', '/w==', '9223372036854775808'],
  )
  assert.equal((await json('/api/v1/keys/entry?key=app/one&index=2', 'DELETE')).status, 409)
  assert.equal((await json('/api/v1/keys/entry?key=app/one&index=3', 'DELETE')).status, 200)
  assert.equal((await json('/api/v1/keys/entry?key=app/one')).body['code'], 'ERR_KV_KEY_UNKNOWN')
  assert.equal((await set('', 'x', 0)).status, 400)
})

test('sessions are shown with what they hold, and can be ended', async (t) => {
  const { kv, part } = await startForTest(t)
  const { call } = await serveRoutes(t, part.routes ?? [])
  const spec = { name: 'worker', node: 'n1', lockDelayMs: 0, behavior: 'release' as const }
  const checks = { nodeChecks: ['serfHealth'], serviceChecks: [] }
  const { id } = await kv.createSession({ ...spec, ...checks, ttlMs: 10_000 })
  await kv.run({ verb: 'lock', key: 'l', session: id, value: Buffer.from(''), flags: 0n })
  const [session] = JSON.parse((await call('/api/v1/sessions')).text) as Record<string, unknown>[]
  assert.deepEqual([session?.['name'], session?.['keys']], ['worker', ['l']])
  assert.ok(Number(session?.['endsInMs']) > 10_000)
  assert.equal((await call(`/api/v1/sessions/${id}`, 'DELETE')).status, 200)
  assert.equal(kv.entry('l')?.session, '')
  assert.equal((await call(`/api/v1/sessions/${id}`, 'DELETE')).status, 404)
})

test('a list that is too long says so', async (t) => {
  const { kv, part } = await startForTest(t)
  const { call } = await serveRoutes(t, part.routes ?? [])
  const keys = Array.from({ length: 1_001 }, (_, at) => `k${at}`)
  await Promise.all(
    keys.map((key) => kv.run({ verb: 'set', key, value: Buffer.from(''), flags: 0n })),
  )
  const body = JSON.parse((await call('/api/v1/keys')).text) as { isComplete: boolean }
  assert.equal(body.isComplete, false)
})
