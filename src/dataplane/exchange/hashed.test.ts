import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServiceSpec } from '../../contracts/snapshot.ts'
import { get, say, startGateway } from '../testing/setup.ts'
import { startAnsweringUpstream } from '../testing/sockets.ts'

for (const algorithm of ['ring-hash', 'maglev'] as const) {
  for (const [by, same, other] of [
    ['header', ['/a', 'X-User: 7\r\n'], ['/a', 'X-User: 8\r\n']],
    ['cookie', ['/a', 'Cookie: b=1; user=7\r\n'], ['/a', 'Cookie: user=8; b=1\r\n']],
    ['segment', ['/users/7/x?y', ''], ['/users/8/x', '']],
  ] as const) {
    test(`${algorithm} by ${by}: one value goes to one instance, values to all`, async (t) => {
      const upstreams = await Promise.all(
        Array.from({ length: 5 }, () => startAnsweringUpstream(() => '')),
      )
      t.after(() => upstreams.forEach((one) => one.close()))
      const keys = {
        header: { header: 'x-user' },
        cookie: { cookie: 'user' },
        segment: { segment: 2 },
      }
      const balance: ServiceSpec['balance'] = {
        algorithm,
        slowStartMs: 0,
        cookie: 'x',
        by: keys[by],
      }
      const gateway = await startGateway(
        t,
        upstreams.map(({ port }) => port),
        { service: { balance } },
      )
      const whereTo = async (path: string, lines: string): Promise<string> => {
        const { socket } = say(t, gateway, get(path, lines))
        const { exchanges } = gateway.worker.context
        while (exchanges[0]?.first.instance == null) await new Promise(setImmediate)
        const { id } = exchanges[0].first.instance
        socket.destroy()
        while (exchanges.length > 0) await new Promise(setImmediate)
        return id
      }
      const first = await whereTo(same[0], same[1])
      for (let i = 0; i < 5; i++) assert.equal(await whereTo(same[0], same[1]), first)
      const seen = new Set<string>()
      for (let i = 0; i < 40; i++) {
        const [path, lines] = other
        seen.add(await whereTo(path.replace('8', String(i)), lines.replace('8', String(i))))
      }
      assert.ok(seen.size >= 4, `${seen.size} of 5`)
    })
  }
}
