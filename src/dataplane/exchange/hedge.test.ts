import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setImmediate as turnOfLoop } from 'node:timers/promises'
import type { LocalWorker } from '../testing/local-worker.ts'
import { get, reasonIn, say, startGateway } from '../testing/setup.ts'
import { OK, type RawUpstream, type Reader, startRawUpstream } from '../testing/sockets.ts'
import type { Socket } from 'node:net'
import { startHedge } from './hedging.ts'

// No setting hedges yet: these tests do, by the seam that one will use.

interface Race {
  readonly gateway: LocalWorker
  readonly client: { readonly socket: Socket; readonly reader: Reader }
  /** The connection of the first attempt, and that of the second. */
  readonly first: { readonly socket: Socket; readonly reader: Reader }
  readonly second: { readonly socket: Socket; readonly reader: Reader }
}

/** A request that both instances have. */
async function startRace(t: TestContext, bytes = get('/raced')): Promise<Race> {
  const upstreams: RawUpstream[] = []
  for (let index = 0; index < 2; index++) upstreams.push(await startRawUpstream())
  t.after(() => upstreams.forEach((upstream) => upstream.close()))
  const gateway = await startGateway(
    t,
    upstreams.map(({ port }) => port),
    { service: { balance: { algorithm: 'round-robin', slowStartMs: 0, cookie: 'x' } } },
  )
  const client = say(t, gateway, bytes)
  // Each instance gets one of the two.
  const accepted = upstreams.map((upstream) => upstream.accept())
  const first = await Promise.race(accepted)
  await first.reader.until('\r\n\r\n')
  const { context } = gateway.worker
  const [exchange] = context.exchanges
  assert.equal(startHedge(context, exchange!, context.clock.monotonicMs()), true)
  assert.equal(startHedge(context, exchange!, context.clock.monotonicMs()), false)
  const [one, two] = await Promise.all(accepted)
  const second = one === first ? two! : one!
  await second.reader.until('\r\n\r\n')
  return { gateway, client, first, second }
}

function outcomes({ gateway }: Race): [number, ...string[]] {
  const records = gateway.recent(9)
  assert.equal(records.length, 1)
  return [records[0]!.status, ...records[0]!.attempts.map(({ outcome }) => outcome)]
}

function failures({ gateway }: Race): number {
  const { instances } = gateway.worker.context.services.get('echo')!
  return [...instances.values()].reduce((sum, { failuresInRow }) => sum + failuresInRow, 0)
}

for (const winner of ['first', 'second'] as const) {
  test(`the first head wins, here of the ${winner} attempt; the other one is cancelled, and nobody is blamed`, async (t) => {
    const race = await startRace(t)
    const loser = winner === 'first' ? 'second' : 'first'
    race[winner].socket.write(OK)
    assert.match(await race.client.reader.until('ok'), /^HTTP\/1\.1 200 /)
    await race[loser].reader.closed()
    const wanted =
      winner === 'first' ? ['answered', 'lost-the-race'] : ['lost-the-race', 'answered']
    assert.deepEqual(outcomes(race), [200, ...wanted])
    assert.equal(failures(race), 0)
    // The connection of the winner and that of the client go on.
    race.client.socket.write(get('/next'))
    while (race.gateway.worker.context.exchanges.length === 0) await turnOfLoop()
  })

  test(`the ${winner} attempt fails first: the other one answers`, async (t) => {
    const race = await startRace(t)
    const other = winner === 'first' ? 'second' : 'first'
    race[winner].socket.resetAndDestroy()
    while (failures(race) === 0) await turnOfLoop()
    race[other].socket.write(OK)
    await race.client.reader.until('ok')
    const wanted = winner === 'first' ? ['reset', 'answered'] : ['answered', 'reset']
    assert.deepEqual(outcomes(race), [200, ...wanted])
  })
}

test('both fail: one answer', async (t) => {
  const race = await startRace(t)
  race.first.socket.resetAndDestroy()
  race.second.socket.resetAndDestroy()
  const answer = await race.client.reader.until('"requestId"')
  assert.equal(reasonIn(answer), 'ERR_GATEWAY_UPSTREAM_RESET')
  assert.deepEqual(outcomes(race), [502, 'reset', 'reset'])
  assert.equal(failures(race), 2)
})

test('an answer that cannot be used does not take the other attempt along', async (t) => {
  const race = await startRace(t)
  race.second.socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot a chunk\r\n')
  await race.second.reader.closed()
  race.first.socket.write(OK)
  assert.match(await race.client.reader.until('ok'), /^HTTP\/1\.1 200 /)
  assert.deepEqual(outcomes(race), [200, 'answered', 'bad-response'])
})

test('the client leaves: both are told', async (t) => {
  const race = await startRace(t)
  race.client.socket.destroy()
  await race.first.reader.closed()
  await race.second.reader.closed()
  assert.deepEqual(outcomes(race), [0, 'client-aborted', 'client-aborted'])
})

test('the second attempt may win with a tunnel, and carries it', async (t) => {
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
  const race = await startRace(t, get('/ws', upgrade))
  race.second.socket.write(`HTTP/1.1 101 Switching Protocols\r\n${upgrade}\r\nhello`)
  await race.client.reader.until('hello')
  race.client.socket.write('ping')
  await race.second.reader.until('ping')
  race.client.socket.end()
  await race.second.reader.closed()
  race.second.socket.end()
  await race.client.reader.closed()
})
