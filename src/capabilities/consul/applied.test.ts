import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../discovery/testdata/ground.ts'
import { serveAgent } from './testing/agent.ts'
import { until } from './testing/serve.ts'

test('where a worker of the gateway hangs, the answer says that not all of them have it', async (t) => {
  const clock = new FakeClock(1_000)
  let isHanging = true
  const hanging = new Promise<void>(() => {})
  const everywhere = () => (isHanging ? hanging : Promise.resolve())
  const { call } = await serveAgent(t, { clock, everywhere })
  const register = () =>
    call('/v1/agent/service/register', { method: 'PUT', body: { Name: 'web', Port: 80 } })
  const waiting = register()
  await until(() => clock.timerCount > 0, 'the wait')
  let isAnswered = false
  void waiting.then(() => (isAnswered = true))
  while (!isAnswered) {
    clock.advance(500)
    await new Promise((done) => setImmediate(done))
  }
  const late = await waiting
  assert.deepEqual([late.status, late.headers['x-backplane-applied']], [200, 'pending'])
  isHanging = false
  assert.equal((await register()).headers['x-backplane-applied'], undefined)
})
