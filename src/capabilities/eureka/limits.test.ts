import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instanceOf, openGround } from './testdata/ground.ts'

test('one address may register so many, a token is asked for, and answers are compressed', async (t) => {
  const ground = await openGround(t, { token: 'a-long-enough-token' }, { perClient: 2 })
  const basic = `Basic ${Buffer.from('any:a-long-enough-token').toString('base64')}`
  const fields = { authorization: basic }
  const post = (id: string, address: string) =>
    ground.send('POST', '/eureka/apps/ORDERS', { body: instanceOf(id), address, fields })
  assert.equal((await ground.send('GET', '/eureka/apps')).status, 401)
  assert.equal((await post('one', '10.0.0.1')).status, 204)
  assert.equal((await post('two', '10.0.0.1')).status, 204)
  const third = await post('three', '10.0.0.1')
  assert.equal(third.status, 429)
  assert.match(third.body, /discovery\.perClient/)
  assert.equal((await post('one', '10.0.0.1')).status, 204)
  assert.equal((await post('three', '10.0.0.2')).status, 204)
  const reply = await ground.send('GET', '/eureka/apps', {
    fields: { ...fields, 'accept-encoding': 'gzip, deflate' },
  })
  assert.equal(reply.field('content-encoding'), 'gzip')
  assert.equal(reply.body.match(/"instanceId":/g)?.length, 3)
  await ground.send('DELETE', '/eureka/apps/ORDERS/one', { fields })
  ground.discovery.flush()
  assert.equal((await post('four', '10.0.0.1')).status, 204)
})
