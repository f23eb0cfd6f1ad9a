import assert from 'node:assert/strict'
import { test } from 'node:test'
import { get, say, startGateway } from '../testing/setup.ts'
import { OK, startAnsweringUpstream } from '../testing/sockets.ts'

const balance = { algorithm: 'round-robin', slowStartMs: 0, cookie: 'x' } as const
const hedge = { quantile: 0.95, minMs: 5 }
const budget = { attempts: 2, budgetRatio: 0.2, reservePerSecond: 0 }
const post = 'POST /hang HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi'

/** Two instances that answer at once, but for the first request of all for `/hang`. */
async function house(t: Parameters<typeof startGateway>[0], retry = budget) {
  let hung = 0
  const answer = (head: string): string => (head.includes('/hang') && hung++ === 0 ? '' : OK)
  const upstreams = [await startAnsweringUpstream(answer), await startAnsweringUpstream(answer)]
  t.after(() => upstreams.forEach((upstream) => upstream.close()))
  const ports = upstreams.map(({ port }) => port)
  const service = { balance, hedge, retry, timeoutMs: 3_000 }
  const gateway = await startGateway(t, ports, { service })
  for (let i = 0; i < 128; i++) {
    const { socket, reader } = say(t, gateway, get('/usual'))
    await reader.until('ok')
    socket.destroy()
  }
  return { gateway, heads: () => upstreams.flatMap(({ heads }) => heads) }
}

test('after the usual time a second attempt runs, and its answer is the answer', async (t) => {
  const { gateway, heads } = await house(t)
  assert.match(await say(t, gateway, get('/hang')).reader.until('ok'), /^HTTP\/1\.1 200/)
  const hung = heads().filter((head) => head.includes('/hang'))
  assert.equal(hung.length, 2)
  assert.equal(hung.filter((head) => /^x-request-attempt: 2\r$/m.test(head)).length, 1)
  const [record] = gateway.recent(1)
  assert.deepEqual(record!.attempts.map(({ outcome }) => outcome).toSorted(), [
    'answered',
    'lost-the-race',
  ])
  assert.ok(record!.policies.some(({ policy }) => policy === 'hedge'))
  const { hedges, hedgeWins } = gateway.worker.context.services.get('echo')!.counts
  assert.deepEqual([hedges, hedgeWins], [1, 1])
})

test('a POST, and a request beyond the budget, are sent once', async (t) => {
  const { gateway, heads } = await house(t)
  await say(t, gateway, post).reader.until('"requestId"')
  assert.equal(heads().filter((head) => head.includes('/hang')).length, 1)
  const poor = await house(t, { ...budget, budgetRatio: 0 })
  await say(t, poor.gateway, get('/hang')).reader.until('"requestId"')
  assert.equal(poor.heads().filter((head) => head.includes('/hang')).length, 1)
})
