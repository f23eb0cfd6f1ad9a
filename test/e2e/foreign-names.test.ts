import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBackplane, type Running } from '../harness/backplane.ts'

const config = `
name: names
listen: { default: off, gateway: 0, console: 0 }
services: {}
`

/** What every object of JavaScript has under these names must never be taken for something that somebody said. */
const names = ['constructor', 'toString', 'valueOf', 'hasOwnProperty', '__proto__']

async function statusOf(url: string): Promise<number> {
  return (await fetch(url)).status
}

async function register(backplane: Running, service: string): Promise<number> {
  const answer = await fetch(`${backplane.admin}/api/v1/services/${service}/instances/a`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ host: '127.0.0.1', port: 1, ttl: '1h' }),
  })
  return answer.status
}

test('services with the names of what objects inherit: registered, shown, measured, restarted', async () => {
  let backplane = await startBackplane({ config, keepFolder: true })
  const { folder } = backplane
  try {
    for (const name of names) assert.ok([201, 400].includes(await register(backplane, name)), name)
    const registered = await servicesOf(backplane)
    assert.ok(registered.includes('constructor'), registered.join())
    assert.equal(await statusOf(`${backplane.admin}/metrics`), 200)
    assert.equal(await statusOf(`${backplane.admin}/api/v1/config`), 200)
    for (const name of names) {
      assert.equal(await statusOf(`${backplane.admin}/api/v1/services/${name}/logs`), 404, name)
      const restart = `${backplane.admin}/api/v1/services/${name}/restart`
      assert.equal((await fetch(restart, { method: 'POST' })).status, 404, name)
    }
    assert.equal(await backplane.stop(), 0)
    backplane = await startBackplane({ config, folder })
    assert.deepEqual(await servicesOf(backplane), registered)
    assert.equal(await statusOf(`${backplane.admin}/metrics`), 200)
  } finally {
    await backplane[Symbol.asyncDispose]()
  }
})

async function servicesOf({ admin }: Running): Promise<readonly string[]> {
  const answer = await fetch(`${admin}/api/v1/status`)
  assert.equal(answer.status, 200)
  const { services } = (await answer.json()) as { services: { name: string }[] }
  return services.map(({ name }) => name).toSorted()
}
