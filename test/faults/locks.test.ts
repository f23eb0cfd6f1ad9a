import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startConsulProcess } from '../interop/harness/consul-process.ts'
import { isLinearizable } from '../linearizability/checker.ts'
import { actAtRandom, RecordingClient, type KeyCall } from '../linearizability/clients.ts'
import { keyModel } from '../linearizability/key-model.ts'

/** Locks and compare-and-set while the process that keeps them is killed again and again. */

const CLIENTS = 5
const CALLS = 120
const KILLS = 4
const KEYS = ['k/1', 'k/2', 'k/3']

test('keys, locks and sessions are linearizable through kill -9 and restarts', async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 32)
  t.diagnostic(`seed ${seed}`)
  const random = mulberry32(seed)
  const consul = await startConsulProcess(t)
  let there = Promise.resolve()
  const target = { port: consul.port, isThere: () => there }
  const history: KeyCall[] = []
  const clients = Array.from({ length: CLIENTS }, () => new RecordingClient(target, history))
  t.after(() => {
    for (const client of clients) client.close()
  })
  const acting = Promise.all(
    clients.map((client, at) => actAtRandom(client, `c${at}`, KEYS, CALLS, random)),
  )
  for (let kill = 0; kill < KILLS; kill++) {
    // After some answers, at any moment of the next ones.
    const enough = history.length + 80 + Math.floor(random() * 40)
    while (history.length < enough) await new Promise((done) => setImmediate(done))
    const again = Promise.withResolvers<void>()
    there = again.promise
    await consul.kill()
    await consul.restart()
    again.resolve()
  }
  await acting
  const lost = history.filter(({ answeredMs }) => answeredMs === Infinity).length
  t.diagnostic(`${history.length} calls, ${lost} of them without an answer`)
  assert.ok(lost >= KILLS, 'calls were cut off')
  for (const key of KEYS) {
    const ofKey = history.filter((call) => call.key === key || call.op.kind === 'destroy')
    assert.equal(isLinearizable(ofKey, keyModel), true, `${key}: ${JSON.stringify(ofKey)}`)
    assert.equal(isLinearizable(withStaleRead(ofKey), keyModel), false, 'and it could have failed')
  }
})

/** What came before the first kill, with its newest value read and then its oldest: where calls were lost all of their effects would have to be tried. */
function withStaleRead(history: readonly KeyCall[]): readonly KeyCall[] {
  const lostMs = Math.min(
    ...history.filter(({ answeredMs }) => answeredMs === Infinity).map(({ sentMs }) => sentMs),
  )
  const before = history.filter(({ answeredMs }) => answeredMs < lostMs)
  const reads = before
    .filter(({ result }) => result?.kind === 'found')
    .toSorted((a, b) => a.answeredMs - b.answeredMs)
  const [oldest, newest] = [reads[0], reads.at(-1)]
  assert.ok(oldest !== undefined && newest !== undefined)
  assert.notDeepEqual(oldest.result, newest.result)
  const at = (call: KeyCall, sentMs: number) => ({ ...call, sentMs, answeredMs: sentMs })
  return [...before, at(newest, lostMs), at(oldest, lostMs + 1)]
}

test('a lock delay is honoured through kill -9', async (t) => {
  const consul = await startConsulProcess(t)
  const put = async (path: string, body: string) =>
    (await fetch(`${consul.url}${path}`, { method: 'PUT', body })).text()
  const create = async (LockDelay: string) =>
    (JSON.parse(await put('/v1/session/create', JSON.stringify({ LockDelay }))) as { ID: string })
      .ID
  const delayMs = 10_000
  const [one, two] = [await create(`${delayMs}ms`), await create('0s')]
  assert.equal(await put(`/v1/kv/lock?acquire=${one}`, 'one'), 'true')
  const beforeMs = performance.now()
  await put(`/v1/session/destroy/${one}`, '')
  await consul.kill()
  await consul.restart()
  let tries = 0
  while ((await put(`/v1/kv/lock?acquire=${two}`, 'two')) === 'false') tries++
  assert.ok(performance.now() - beforeMs >= delayMs - 1, 'not before the delay is over')
  assert.ok(tries > 0)
  const [entry] = (await (await fetch(`${consul.url}/v1/kv/lock`)).json()) as [
    { LockIndex: number },
  ]
  assert.equal(entry.LockIndex, 2)
})

/** A small random generator with a seed (public domain, Tommy Ettinger). */
function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
