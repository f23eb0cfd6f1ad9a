import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RegistryView } from '../../../contracts/registry.ts'
import { createListenerApp } from '../../../platform/http/listener.ts'
import { startStorage } from '../../../platform/storage/storage.ts'
import { FakeClock, startOn } from '../testdata/ground.ts'
import { registerRegistryView } from './registry-view.ts'

test('a service shows where its instances come from, their leases, and how many watch', async (t) => {
  const storage = await startStorage({ file: ':memory:' })
  t.after(() => storage.close())
  const clock = new FakeClock(5_000)
  const started = await startOn(clock, storage)
  t.after(() => started.stop())
  const { discovery } = started
  const app = createListenerApp({ hosts: [], token: undefined, log: () => {} })
  t.after(() => app.close())
  registerRegistryView(app, discovery)
  await discovery.register({
    spec: { service: 'web', id: 'a', host: '127.0.0.1', port: 80, tags: ['v1'] },
    checks: [],
    ttlMs: 30_000,
    source: 'eureka',
  })
  clock.advance(2_000)
  discovery.renew('web', 'a')
  await discovery.setOverride('web', 'a', 'maintenance', 'disk')
  discovery.subscribe({ service: 'web' }, () => {})
  const get = async (service: string) =>
    (await app.inject({ url: `/api/v1/services/${service}/registry` })).json<RegistryView>()
  assert.deepEqual(await get('web'), {
    service: 'web',
    sources: [],
    watchers: 1,
    instances: [
      {
        id: 'a',
        node: 'local',
        source: 'eureka',
        tags: ['v1'],
        leaseMs: 30_000,
        renewedAtMs: 7_000,
        override: 'maintenance',
        overrideReason: 'disk',
        isStandby: false,
        registeredAs: [],
      },
    ],
  })
  discovery.putInstance(
    { service: 'run', id: 'run-1', host: '127.0.0.1', port: 81 },
    { origin: 'run', checks: [] },
  )
  await discovery.register({
    spec: { service: 'run', id: 'mine', host: '127.0.0.1', port: 81 },
    checks: [],
    source: 'consul',
  })
  const [one] = (await get('run')).instances
  assert.deepEqual([one?.id, one?.registeredAs], ['run-1', ['mine (consul)']])
  assert.deepEqual((await get('none')).instances, [])
})
