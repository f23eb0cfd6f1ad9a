import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createListenerApp } from '../../../platform/http/listener.ts'
import { startStorage } from '../../../platform/storage/storage.ts'
import { FakeClock, startOn } from '../testdata/ground.ts'
import { parseTargetGroups } from '../sources/target-groups.ts'
import { registerHttpSdRoute } from './http-sd.ts'

test('instances are target groups, which our own source of the same form can read', async (t) => {
  const storage = await startStorage({ file: ':memory:' })
  t.after(() => storage.close())
  const started = await startOn(new FakeClock(), storage)
  t.after(() => started.stop())
  const { discovery } = started
  const put = (service: string, id: string, port: number, more: object = {}) =>
    discovery.putInstance(
      { service, id, host: 'fd00::1', port, ...more },
      { origin: 'run', checks: [] },
    )
  put('web', 'w1', 80, { tags: ['v1', 'blue'], meta: { 'a-b': 'c', constructor: 'x' } })
  put('web', 'w2', 0)
  put('api', 'a1', 81)
  const app = createListenerApp({ hosts: [], token: undefined, log: () => {} })
  t.after(() => app.close())
  registerHttpSdRoute(app, discovery)
  const get = async (query: string) => {
    const answer = await app.inject({ url: `/api/v1/prometheus/targets${query}` })
    assert.match(String(answer.headers['content-type']), /^application\/json/)
    return answer.json<{ targets: string[]; labels: Record<string, string> }[]>()
  }
  const all = await get('')
  assert.deepEqual(
    all.map(({ targets }) => targets[0]),
    ['[fd00::1]:80', '[fd00::1]:81'],
  )
  assert.deepEqual(all[0]?.labels, {
    job: 'web',
    __meta_backplane_service: 'web',
    __meta_backplane_instance: 'w1',
    __meta_backplane_node: 'local',
    __meta_backplane_source: 'run',
    __meta_backplane_health: 'passing',
    __meta_backplane_tags: ',v1,blue,',
    __meta_backplane_meta_a_b: 'c',
    __meta_backplane_meta_constructor: 'x',
  })
  assert.equal((await get('?service=api')).length, 1)
  assert.equal((await get('?service=api&service=web')).length, 2)
  assert.deepEqual(await get('?service=constructor'), [])
  assert.equal(parseTargetGroups(all).length, 2)
})
