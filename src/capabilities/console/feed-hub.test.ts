import assert from 'node:assert/strict'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import type { ListenerView, FeedMessage, Picture, ServiceView, Tick } from '../../contracts/feed.ts'
import { BACKLOG_BYTES_MAX, createFeedHub, SUBSCRIBERS_MAX } from './feed-hub.ts'

const service = (name: string, reason = '') => ({ name, reason }) as ServiceView

/** A hub, its picture, and real connections to it. */
async function start(t: TestContext) {
  const parts = { listeners: [] as ListenerView[], services: [service('a')], problems: [] }
  const hub = createFeedHub(
    () => ({ name: 'shop', version: '1', startedAtMs: 0, ticks: [], ...parts }) satisfies Picture,
  )
  const accepted: boolean[] = []
  let newest: ServerResponse | undefined
  const server = createServer((_request, response) => {
    response.writeHead(200)
    response.flushHeaders()
    newest = response
    accepted.push(!hub.isFull)
    hub.subscribe(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    hub.close()
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const open = () =>
    new Promise<IncomingMessage>((resolve, reject) => {
      request({ port, agent: false }, resolve).on('error', reject).end()
    })
  return { hub, parts, open, accepted, response: () => newest }
}

/** The messages of one console, in order. */
async function* messagesOf(response: IncomingMessage): AsyncGenerator<FeedMessage, undefined> {
  let rest = ''
  response.setEncoding('utf8')
  for await (const chunk of response) {
    const events = (rest + String(chunk)).split('\n\n')
    rest = events.pop() ?? ''
    for (const event of events) yield JSON.parse(event.slice('data: '.length)) as FeedMessage
  }
}

async function next(messages: AsyncGenerator<FeedMessage, undefined>): Promise<FeedMessage> {
  const { value } = await messages.next()
  assert.ok(value)
  return value
}

test('first the picture, then only what is different', async (t) => {
  const { hub, parts, open } = await start(t)
  const messages = messagesOf(await open())
  const first = await next(messages)
  assert.ok(first.type === 'picture')
  assert.deepEqual(first.picture.services, [service('a')])
  hub.update(parts)
  parts.services = [service('a'), service('b')]
  hub.update(parts)
  assert.deepEqual(await next(messages), { type: 'services', changed: [service('b')], gone: [] })
  parts.services = [service('b', 'down')]
  hub.update(parts)
  assert.deepEqual(await next(messages), {
    type: 'services',
    changed: [service('b', 'down')],
    gone: ['a'],
  })
  parts.listeners = [{ id: 'gateway' } as ListenerView]
  hub.update(parts)
  assert.deepEqual(await next(messages), { type: 'listeners', listeners: parts.listeners })
  hub.tick({ atMs: 1, edges: [], services: [], instances: [] })
  assert.equal((await next(messages)).type, 'tick')
})

test('who joins between two updates takes nothing from the others and misses nothing', async (t) => {
  const { hub, parts, open } = await start(t)
  const early = messagesOf(await open())
  await next(early)
  // Not told to anybody yet.
  parts.services = [service('a', 'changed')]
  const late = messagesOf(await open())
  const picture = await next(late)
  assert.ok(picture.type === 'picture')
  assert.deepEqual(picture.picture.services, parts.services)
  assert.deepEqual(await next(early), { type: 'services', changed: parts.services, gone: [] })
  hub.update(parts)
  parts.services = [service('a', 'again')]
  hub.update(parts)
  for (const one of [early, late]) {
    assert.deepEqual(await next(one), { type: 'services', changed: parts.services, gone: [] })
  }
})

test('a slow reader loses its backlog and gets a fresh picture', async (t) => {
  const { hub, parts, open, response } = await start(t)
  const incoming = await open()
  const filling = 'x'.repeat(256 * 1024)
  const big = { atMs: 1, edges: [], services: [], instances: [], filling } satisfies Tick & {
    filling: string
  }
  let sent = 0
  // Nobody reads: the socket's buffers fill, then ours, then no more is kept.
  while (sent < 200) {
    hub.tick(big)
    sent++
  }
  assert.ok((response()?.writableLength ?? 0) <= BACKLOG_BYTES_MAX + 2 * 256 * 1024)
  parts.services = [service('a', 'the newest')]
  let ticks = 0
  for await (const message of messagesOf(incoming)) {
    if (message.type === 'tick') ticks++
    else if (message.type === 'picture' && message.picture.services[0]?.reason === 'the newest')
      break
  }
  assert.ok(ticks > 0 && ticks < sent, `${ticks} of ${sent}`)
})

test('consoles are bounded, and those that leave make room', async (t) => {
  const { hub, open, accepted } = await start(t)
  const responses = await Promise.all(Array.from({ length: SUBSCRIBERS_MAX + 1 }, open))
  assert.equal(accepted.filter(Boolean).length, SUBSCRIBERS_MAX)
  assert.equal(hub.subscriberCount, SUBSCRIBERS_MAX)
  for (const response of responses) response.destroy()
})
