import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../../../platform/capability.ts'
import type { CertificateStore } from '../store.ts'
import { newMemory } from './host-memory.ts'
import { AcmeKeeper } from './keeper.ts'

const DIRECTORY = 'https://a.example/directory'
const settings = {
  agree: true as const,
  directory: DIRECTORY,
  hosts: [],
  challenges: ['http-01' as const],
  ca: 'missing.pem',
  ordersPerHour: 20,
}

/** Says when the next wait was asked for. */
class WaitingClock implements Clock {
  current = 1_000_000
  #asked = Promise.withResolvers<{ readonly delayMs: number; readonly callback: () => void }>()

  nowMs(): number {
    return this.current
  }
  monotonicMs(): number {
    return this.current
  }
  after(delayMs: number, callback: () => void): () => void {
    this.#asked.resolve({ delayMs, callback })
    return () => {}
  }
  every(): () => void {
    return () => {}
  }
  nextTurn(): () => void {
    return () => {}
  }
  async next() {
    const asked = await this.#asked.promise
    this.#asked = Promise.withResolvers()
    return asked
  }
}

function memoryStore(files: Map<string, string>): CertificateStore {
  return {
    folder: '/nowhere',
    read: async (name) => files.get(name),
    write: async (name, text) => void files.set(name, text),
    remove: async (name) => void files.delete(name),
  }
}

function start(clock: Clock, files: Map<string, string>): AcmeKeeper {
  return new AcmeKeeper({
    store: memoryStore(files),
    clock,
    random: () => 0.5,
    log: () => {},
    stopping: new AbortController().signal,
    publish: async () => {},
    changed: async () => {},
  })
}

const HOST = 'shop.example.org'
const FILE = `${HOST}.json`
const memory = { ...newMemory(DIRECTORY), certificate: { chain: '', key: '' }, renewAtMs: 1e12 }

test('where an authority cannot even be asked for its suggestion, it is not tried again at once', async () => {
  const clock = new WaitingClock()
  const keeper = start(clock, new Map([[FILE, JSON.stringify(memory)]]))
  await keeper.configure({ settings, hosts: [HOST], folder: '/nowhere' })
  const { delayMs, callback } = await clock.next()
  assert.equal(delayMs, 0)
  callback()
  const second = await clock.next()
  assert.equal(keeper.counts.failed, 1)
  assert.ok(second.delayMs >= 60_000, `again after ${second.delayMs} ms`)
})

test('a failure at a new authority does not put it off until the certificate of the former one is renewed', async () => {
  const clock = new WaitingClock()
  const former = 'https://staging.example/directory'
  const order = { url: `${former}/order`, key: '', tries: 0 }
  const window = { startMs: 1e12, endMs: 2e12, explanation: '' }
  const kept = { ...memory, directory: former, order, window, askAtMs: 1e12 }
  const files = new Map([[FILE, JSON.stringify(kept)]])
  const keeper = start(clock, files)
  await keeper.configure({ settings, hosts: [HOST], folder: '/nowhere' })
  const { callback } = await clock.next()
  callback()
  const again = await clock.next()
  assert.ok(again.delayMs < 600_000, `again after ${again.delayMs} ms`)
  const { directory, certificate, renewAtMs, ...rest } = JSON.parse(files.get(FILE)!)
  assert.deepEqual([directory, certificate, renewAtMs], [DIRECTORY, memory.certificate, 0])
  assert.deepEqual([rest.order, rest.window], [undefined, undefined])
})
