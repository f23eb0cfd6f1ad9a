import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBackplane } from '../../harness/backplane.ts'
import { findJs } from '../harness/clients.ts'
import { startProgram } from '../harness/programs.ts'

const config = 'listen: { default: off, console: 0, eureka: 0 }\n'

const other = {
  instance: {
    instanceId: 'o1',
    app: 'OTHER',
    hostName: '127.0.0.1',
    ipAddr: '127.0.0.1',
    port: { $: 9, '@enabled': 'true' },
    status: 'UP',
    dataCenterInfo: { '@class': 'x', name: 'MyOwn' },
  },
}

for (const mode of ['full', 'delta'] as const) {
  test(`eureka-js-client lives its whole life: ${mode}`, async (t) => {
    const client = await findJs(t, 'eureka-life')
    if (client === undefined) return
    const backplane = await startBackplane({ config })
    t.after(() => backplane[Symbol.asyncDispose]())
    const eureka = `http://${backplane.ready.listen['eureka']}/eureka`
    const port = new URL(eureka).port
    const running = startProgram(t, client, { args: [port, '7777', mode] })
    await running.line(/^ready$/)
    await running.line(/^registered$/)
    await running.line(/^heartbeat$/)
    await running.line(/^apps JQSERVICE=localhost:UP OTHER= vip=1$/)
    const post = await fetch(`${eureka}/apps/OTHER`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(other),
    })
    assert.equal(post.status, 204)
    await running.line(/OTHER=o1:UP/)
    await fetch(`${eureka}/apps/OTHER/o1/status?value=OUT_OF_SERVICE`, { method: 'PUT' })
    // In full it shows only those that are up.
    await running.line(mode === 'full' ? /UP OTHER= vip=1$/ : /OTHER=o1:OUT_OF_SERVICE/)
    await fetch(`${eureka}/apps/OTHER/o1`, { method: 'DELETE' })
    const listed = await fetch(`${backplane.admin}/api/v1/services/jqservice/instances`)
    assert.match(await listed.text(), /"source":"eureka"/)
    running.write('stop\n')
    await running.line(/^deregistered$/)
    assert.equal((await running.ended).code, 0)
    assert.equal((await fetch(`${eureka}/apps/JQSERVICE`)).status, 404)
  })
}
