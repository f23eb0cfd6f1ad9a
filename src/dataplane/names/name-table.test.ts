import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../platform/clock.ts'
import type { SnapshotOp } from '../../contracts/snapshot.ts'
import { instanceSpec } from '../testing/specs.ts'
import { NameTable } from './name-table.ts'

function start(answers: Map<string, string>) {
  const told: [string, string][] = []
  const logged: string[] = []
  const open = new Map<string, PromiseWithResolvers<string>>()
  let most = 0
  let refresh = (): void => {}
  const names = new NameTable({
    clock: {
      ...systemClock,
      every(_ms, callback) {
        refresh = callback
        return () => {}
      },
    },
    log: (_level, message) => void logged.push(message),
    async lookup(host) {
      const waiting = Promise.withResolvers<string>()
      open.set(host, waiting)
      most = Math.max(most, open.size)
      const answer = answers.get(host)
      if (answer === 'none') waiting.reject(new Error('ENOTFOUND'))
      else if (answer !== undefined) waiting.resolve(answer)
      return waiting.promise.finally(() => open.delete(host))
    },
    changed: (addresses) => void told.push(...addresses),
  })
  return { names, told, logged, open, refresh: () => refresh(), most: () => most }
}

const instance = (host: string, at: number): SnapshotOp => ({
  op: 'instance',
  instance: instanceSpec(80, { id: String(at), host }),
})
const gone = (at: number): SnapshotOp => ({
  op: 'instance-gone',
  service: 'echo',
  id: String(at),
})
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('names are found, addresses are left alone, changes are told once', async () => {
  const answers = new Map([['db.internal', '10.0.0.5']])
  const { names, told, refresh } = start(answers)
  await names.apply(['db.internal', '127.0.0.1', '::1', 'db.internal'].map(instance))
  assert.deepEqual(told, [['db.internal', '10.0.0.5']])
  refresh()
  await turn()
  assert.equal(told.length, 1)
  answers.set('db.internal', '10.0.0.6')
  refresh()
  await turn()
  assert.deepEqual(told.at(-1), ['db.internal', '10.0.0.6'])
  answers.set('db.internal', 'none')
  refresh()
  await turn()
  assert.equal(names.addresses.get('db.internal'), '10.0.0.6', 'the last address is kept')
  await names.apply([gone(0)])
  assert.equal(names.addresses.size, 1, 'another instance has it still')
  await names.apply([gone(3)])
  assert.equal(names.addresses.size, 0)
})

test('a name server that does not answer holds up two lookups and an update for a second, not more', async () => {
  const { names, told, logged, open, most } = start(new Map([['bad', 'none']]))
  const hosts = ['bad', ...Array.from({ length: 20 }, (_, i) => `slow-${i}`)]
  const from = performance.now()
  await names.apply(hosts.map(instance))
  assert.ok(performance.now() - from < 5_000)
  assert.equal(most(), 2)
  assert.deepEqual(told, [])
  assert.equal(logged.length, 1)
  for (const [host, waiting] of open) waiting.resolve(`10.0.0.${host.slice(5)}`)
  await turn()
  assert.equal(told.length, 2)
})
