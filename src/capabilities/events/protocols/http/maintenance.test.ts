import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createListenerApp } from '../../../../platform/http/listener.ts'
import { appendTo, testEvent } from '../../engines/testing/requests.ts'
import { openTestStore } from '../../testing/open-store.ts'
import { Groups } from '../../subscriptions/groups/group-registry.ts'
import { registerMaintenanceRoutes } from './maintenance-routes.ts'

async function open(t: TestContext) {
  const { store, tail } = await openTestStore(t)
  const log = () => {}
  const groups = await Groups.open({ store, tail, log })
  const limits = () => ({ eventBytesMax: 1024 * 1024, appendBytesMax: 16 * 1024 * 1024 })
  const app = createListenerApp({ log, hosts: [], token: undefined })
  const maintenance = { scavenge: async () => 3, backup: async () => '/copy' }
  registerMaintenanceRoutes(
    app,
    () => ({ store, tail, groups, limits, log }),
    () => maintenance,
  )
  await app.ready()
  t.after(() => app.close())
  return { store, app }
}

test('what one store exports another one imports: same streams, order, ids and bytes; twice is once', async (t) => {
  const [from, to] = [await open(t), await open(t)]
  for (let n = 0; n < 30; n++) {
    const event = n % 3 === 0 ? { isJson: false, data: Buffer.from([n, 255]) } : {}
    const metadata = n % 2 === 0 ? Buffer.from('{"$correlationId":"c"}') : Buffer.from([1, 2])
    await from.store.append(appendTo(`s-${n % 4}`, 'any', [testEvent({ ...event, metadata })]))
  }
  const exported = await from.app.inject({ url: '/api/v1/events/export' })
  assert.equal(exported.body.trim().split('\n').length, 30)
  const put = () =>
    to.app.inject({
      method: 'POST',
      url: '/api/v1/events/import',
      headers: { 'content-type': 'application/x-ndjson' },
      body: exported.body,
    })
  assert.deepEqual((await put()).json(), { imported: 30, skipped: 0 })
  await put()
  const all = async ({ store }: typeof from) => {
    const source = { kind: 'all', filter: undefined } as const
    const { events } = await store.readPage({ source, from: 0, isBackwards: false })
    return events.map((event) => ({
      ...event,
      atUs: 0,
      data: Buffer.from(event.data).toString('hex'),
      metadata: Buffer.from(event.metadata).toString('hex'),
    }))
  }
  assert.deepEqual(await all(to), await all(from))
})

test('a line that is no event is named', async (t) => {
  const { app, store } = await open(t)
  const { statusCode, body } = await app.inject({
    method: 'POST',
    url: '/api/v1/events/import',
    headers: { 'content-type': 'application/x-ndjson' },
    body: '{"stream":"a","type":"t","data":1}\n{"stream":7}\n',
  })
  assert.equal(statusCode, 400)
  assert.match(body, /Line 2 is no event/)
  assert.equal(store.engine.end(), 0)
})

test('scavenging and backup answer with what they did', async (t) => {
  const { app } = await open(t)
  const post = async (path: string) =>
    (await app.inject({ method: 'POST', url: `/api/v1/events/${path}` })).json() as unknown
  assert.deepEqual(await post('scavenge'), { removed: 3 })
  assert.deepEqual(await post('backup'), { file: '/copy' })
})

test('what is larger than one append is imported in several', async (t) => {
  const [from, to] = [await open(t), await open(t)]
  const data = Buffer.from(JSON.stringify('x'.repeat(900_000)))
  for (let n = 0; n < 20; n++) await from.store.append(appendTo('s', 'any', [testEvent({ data })]))
  const exported = await from.app.inject({ url: '/api/v1/events/export' })
  const imported = await to.app.inject({
    method: 'POST',
    url: '/api/v1/events/import',
    headers: { 'content-type': 'application/x-ndjson' },
    body: exported.body,
  })
  assert.deepEqual(imported.json(), { imported: 20, skipped: 0 })
})

test('a line with values of other kinds is the fault of the line', async (t) => {
  const { app } = await open(t)
  for (const more of ['"id":7', '"dataBase64":7', '"metadataBase64":{}']) {
    const { statusCode } = await app.inject({
      method: 'POST',
      url: '/api/v1/events/import',
      headers: { 'content-type': 'application/x-ndjson' },
      body: `{"stream":"a","type":"t",${more}}\n`,
    })
    assert.equal(statusCode, 400, more)
  }
})

test('bytes of the type $metadata that are no JSON leave a page and an export whole', async (t) => {
  const { app, store } = await open(t)
  const event = testEvent({ type: '$metadata', isJson: false, data: Buffer.from('1}\n{') })
  await store.append(appendTo('s', 'any', [event]))
  const { body } = await app.inject({ url: '/api/v1/events/export' })
  for (const line of body.trim().split('\n')) JSON.parse(line)
})
