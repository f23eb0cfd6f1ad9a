import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ChangeBatch, Target } from './model.ts'
import { createBareRegistry, FakeClock } from './testdata/ground.ts'

const api = { origin: 'registered', source: 'api' } as const
const at = (service: string, id: string, port = 80) => ({ service, id, host: '127.0.0.1', port })
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

test('a watcher that asks again and again misses nothing', async () => {
  const step = fc.oneof(
    fc.record({
      do: fc.constant('put' as const),
      service: fc.nat(2),
      port: fc.integer({ min: 1, max: 3 }),
    }),
    fc.record({ do: fc.constant('remove' as const), service: fc.nat(2) }),
    fc.record({ do: fc.constant('flush' as const) }),
    fc.record({ do: fc.constant('turn' as const) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
      const registry = createBareRegistry(new FakeClock())
      const stop = new AbortController()
      const names = ['s0', 's1', 's2']
      const targets: Target[] = ['all', ...names.map((service) => ({ service }))]
      const seen = targets.map(() => 0)
      const changedAt = targets.map(() => 0)
      const follow = async (target: Target, at: number) => {
        while (!stop.signal.aborted) {
          const after = seen[at] ?? 0
          seen[at] = await registry.journal.watchers.waitForChange(target, after, 1e9, stop.signal)
        }
      }
      const following = targets.map(follow)
      for (const one of steps) {
        const before = registry.journal.indexOf('all')
        if (one.do === 'put') registry.putInstance(at(`s${one.service}`, 'a', one.port), api)
        if (one.do === 'remove') registry.removeInstance(`s${one.service}`, 'a')
        if (one.do === 'flush') registry.journal.flush()
        if (one.do === 'turn') await turn()
        const index = registry.journal.indexOf('all')
        if (!('service' in one) || index === before) continue
        changedAt[0] = index
        changedAt[1 + one.service] = registry.journal.indexOf({ service: `s${one.service}` })
      }
      registry.journal.flush()
      await turn()
      // Nobody was aborted yet: what they have seen was told to them.
      for (const [which, index] of changedAt.entries()) assert.ok((seen[which] ?? 0) >= index)
      stop.abort()
      await Promise.all(following)
      assert.equal(registry.journal.watchers.count, 0)
    }),
  )
})

test('a change between two questions is answered at once', async () => {
  const registry = createBareRegistry(new FakeClock())
  const before = registry.journal.indexOf({ service: 'orders' })
  registry.putInstance(at('orders', 'a'), api)
  registry.journal.flush()
  const now = registry.journal.indexOf({ service: 'orders' })
  assert.ok(now > before)
  // The clock stands still: whoever waited here would wait for ever.
  assert.equal(
    await registry.journal.watchers.waitForChange({ service: 'orders' }, before, 60_000),
    now,
  )
})

test('watchers of another service are left alone, and a batch is told once', () => {
  const registry = createBareRegistry(new FakeClock())
  const batches: ChangeBatch[] = []
  registry.journal.watchers.subscribe({ service: 'users' }, () =>
    assert.fail('woken for another service'),
  )
  const end = registry.journal.watchers.subscribe({ service: 'orders' }, (batch) =>
    batches.push(batch),
  )
  for (const id of ['a', 'b', 'c']) registry.putInstance(at('orders', id), api)
  registry.putInstance(at('orders', 'a', 81), api)
  registry.removeInstance('orders', 'b')
  registry.journal.flush()
  assert.deepEqual(
    batches.map(({ changes }) =>
      changes.map(({ action, instance }) => `${action} ${instance.id}:${instance.port}`),
    ),
    [['added c:80', 'added a:81']],
  )
  end()
  registry.removeInstance('orders', 'a')
  registry.journal.flush()
  assert.equal(batches.length, 1)
})

test('a wait ends at its time, with one timer for all', async () => {
  const clock = new FakeClock()
  const registry = createBareRegistry(clock)
  registry.putInstance(at('orders', 'a'), api)
  const index = registry.journal.indexOf({ service: 'orders' })
  const waits = Array.from({ length: 100 }, (_, more) =>
    registry.journal.watchers.waitForChange({ service: 'orders' }, index, 1_000 + more),
  )
  assert.equal(clock.timerCount, 1)
  clock.advance(1_099)
  assert.deepEqual(new Set(await Promise.all(waits)), new Set([index]))
  assert.equal(registry.journal.watchers.count, 0)
  assert.equal(clock.timerCount, 0)
})

test('an index from the future and a wait of nothing are answered at once', async () => {
  const registry = createBareRegistry(new FakeClock())
  const { watchers } = registry.journal
  assert.equal(await watchers.waitForChange('all', 1e15, 60_000), registry.journal.indexOf('all'))
  assert.equal(await watchers.waitForChange({ service: 'none' }, 1, 0), 1)
})

test('health alone does not wake the catalog, coming and going does', async () => {
  const registry = createBareRegistry(new FakeClock())
  const instance = registry.putInstance(at('orders', 'a'), api)
  registry.journal.flush()
  const index = registry.journal.indexOf('catalog')
  let woken = 0
  void registry.journal.watchers.waitForChange('catalog', index, 60_000).then(() => woken++)
  registry.setDraining(instance, true)
  registry.journal.flush()
  await turn()
  assert.equal(woken, 0)
  registry.putInstance(at('orders', 'b'), api)
  registry.journal.flush()
  await turn()
  assert.equal(woken, 1)
})

test('a service that goes and comes back never falls behind', () => {
  const registry = createBareRegistry(new FakeClock())
  const index = () => registry.journal.indexOf({ service: 'orders' })
  const seen = [index()]
  for (let round = 0; round < 3; round++) {
    registry.putInstance(at('orders', 'a'), api)
    seen.push(index())
    registry.removeInstance('orders', 'a')
    seen.push(index())
  }
  assert.deepEqual(
    seen,
    [...new Set(seen)].toSorted((a, b) => a - b),
  )
})

test('the feed gives what came after an index, or says that it has forgotten', () => {
  const registry = createBareRegistry(new FakeClock())
  registry.putInstance(at('orders', 'a'), api)
  registry.journal.flush()
  const from = registry.journal.indexOf('all')
  for (let count = 0; count < 10_000; count++) {
    registry.putInstance(at('orders', 'a', 1 + (count % 2)), api)
    registry.journal.flush()
  }
  assert.equal(registry.journal.feed.changesSince(from)?.length, 10_000)
  assert.deepEqual(
    registry.journal.feed
      .changesSince(registry.journal.indexOf('all') - 2)
      ?.map(({ index }) => index),
    [registry.journal.indexOf('all') - 1, registry.journal.indexOf('all')],
  )
  registry.removeInstance('orders', 'a')
  registry.journal.flush()
  assert.equal(registry.journal.feed.changesSince(from), undefined)
  assert.equal(registry.journal.feed.changesSince(from + 1)?.at(-1)?.action, 'removed')
})

test('a listener that throws does not keep the others from hearing', () => {
  const errors: unknown[] = []
  const registry = createBareRegistry(new FakeClock(), {
    onWatcherError: (error) => errors.push(error),
  })
  let heard = 0
  registry.journal.watchers.subscribe('all', () => {
    throw new Error('broken')
  })
  registry.journal.watchers.subscribe('all', () => heard++)
  registry.putInstance(at('orders', 'a'), api)
  registry.journal.flush()
  assert.equal(heard, 1)
  assert.equal(errors.length, 1)
})
