import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBackplane } from '../../harness/backplane.ts'
import { findPythonFrom } from '../harness/clients.ts'
import { startProgram } from '../harness/programs.ts'

const config = 'listen: { default: off, console: 0, eureka: 0 }\n'

test('py_eureka_client lives its whole life, by deltas and their hash', async (t) => {
  const client = await findPythonFrom(t, 'eureka_life')
  if (client === undefined) return
  const backplane = await startBackplane({ config })
  t.after(() => backplane[Symbol.asyncDispose]())
  const eureka = `http://${backplane.ready.listen['eureka']}/eureka/`
  const id = '127.0.0.1:python-service:7777'
  const running = startProgram(t, client, { args: [eureka, '7777'] })
  await running.line(/^registered$/)
  await running.line(new RegExp(`^apps PYTHON-SERVICE=${id}:UP$`))
  const url = `${eureka}apps/OTHER`
  const put = async (instanceId: string): Promise<void> => {
    const instance = { instanceId, app: 'OTHER', hostName: '10.0.0.1', ipAddr: '10.0.0.1' }
    const body = JSON.stringify({ instance: { ...instance, dataCenterInfo: { name: 'MyOwn' } } })
    assert.equal((await fetch(url, { method: 'POST', body })).status, 204)
  }
  await put('o1')
  await running.line(/^apps OTHER=o1:UP/)
  // One goes and another one comes between two looks: the hash stays the same.
  await fetch(`${url}/o1`, { method: 'DELETE' })
  await put('o2')
  await running.line(/^apps OTHER=o2:UP PYTHON/)
  running.write('out\n')
  await running.line(/PYTHON-SERVICE=.*:OUT_OF_SERVICE$/)
  const shown = await fetch(`${eureka}apps/PYTHON-SERVICE/${encodeURIComponent(id)}`)
  assert.match(await shown.text(), /<zone>a<\/zone>/)
  running.write('stop\n')
  await running.line(/^stopped$/)
  assert.equal((await fetch(`${eureka}apps/PYTHON-SERVICE`)).status, 404)
})
