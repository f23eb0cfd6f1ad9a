import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InstanceSpec, ServiceSpec } from '../../contracts/snapshot.ts'
import { get, reasonIn, say, startGateway } from '../testing/setup.ts'
import { OK, startAnsweringUpstream } from '../testing/sockets.ts'

const balance = { algorithm: 'round-robin', slowStartMs: 0, cookie: 'x' } as const
const BUSY = 'HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno'

/** Instances that say who they are, and answer 503 where they are in `bad`. */
async function house(
  t: Parameters<typeof startGateway>[0],
  instances: readonly Partial<InstanceSpec>[],
  change: Partial<ServiceSpec> = {},
) {
  const bad = new Set<number>()
  const upstreams = await Promise.all(
    instances.map((_, i) => startAnsweringUpstream(() => (bad.has(i) ? BUSY : OK))),
  )
  t.after(() => upstreams.forEach((upstream) => upstream.close()))
  const ports = upstreams.map(({ port }) => port)
  const ejection = { failures: 1, baseMs: 60_000, maxMs: 60_000, shareMax: 1 }
  const service = { balance, ejection, ...change }
  const gateway = await startGateway(t, ports, { service, instances })
  return {
    bad,
    gateway,
    asked: () => upstreams.map(({ heads }) => heads.length),
    ask: async (lines = '') => {
      const { reader, socket } = say(t, gateway, get('/', lines))
      const answer = await reader.until(/\r\n\r\n(ok|no|\{[^]*\})/)
      socket.destroy()
      return answer
    },
  }
}

test('a backup is asked while the others are ejected, and why says so', async (t) => {
  const world = await house(t, [{}, { isBackup: true }])
  for (let i = 0; i < 5; i++) await world.ask()
  assert.deepEqual(world.asked(), [5, 0])
  world.bad.add(0)
  // It is ejected by its first failure: the last one left may be, since a backup is there.
  for (let i = 0; i < 5; i++) await world.ask()
  assert.deepEqual(world.asked(), [6, 4])
  assert.match(world.gateway.recent(1)[0]!.attempts[0]!.choice, /a backup/)
})

test('another zone is asked where this one has nobody left; no request fails', async (t) => {
  const world = await house(t, [{}, { level: 1 }], {
    retry: { attempts: 2, on: [503], budgetRatio: 1, reservePerSecond: 100 },
  })
  for (let i = 0; i < 4; i++) await world.ask()
  assert.deepEqual(world.asked(), [4, 0])
  world.bad.add(0)
  for (let i = 0; i < 4; i++) assert.match(await world.ask(), /^HTTP\/1\.1 200/)
  assert.deepEqual(world.asked(), [5, 4])
})

test('a header chooses the subset; one that nobody has is refused at once, and told', async (t) => {
  const subset = { header: 'x-version', otherwise: 'v1', fallsBackToAny: false }
  const world = await house(t, [{ subset: 'v1' }, { subset: 'v2' }], {
    balance: { ...balance, subset },
  })
  for (let i = 0; i < 3; i++) await world.ask()
  await world.ask('X-Version: v2\r\n')
  assert.deepEqual(world.asked(), [3, 1])
  const refused = await world.ask('X-Version: v3\r\n')
  assert.equal(reasonIn(refused), 'ERR_GATEWAY_NO_INSTANCE')
  assert.match(refused, /none of them is of the subset v3: balance\.subset/)
})

test('where any instance will do, a subset that nobody has is no refusal', async (t) => {
  const subset = { header: 'x-version', otherwise: '', fallsBackToAny: true }
  const world = await house(t, [{ subset: 'v1' }, { subset: 'v2' }], {
    balance: { ...balance, subset },
  })
  assert.match(await world.ask('X-Version: v3\r\n'), /^HTTP\/1\.1 200/)
  world.bad.add(1)
  assert.match(await world.ask('X-Version: v2\r\n'), /^HTTP\/1\.1 503/)
  assert.deepEqual(world.asked()[1], 1)
})
