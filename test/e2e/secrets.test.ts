import assert from 'node:assert/strict'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { runCli, startBackplane, until } from '../harness/backplane.ts'

const config = `
name: secrets
listen: { default: off, gateway: 0, console: 0 }
admin: { token: { env: TEST_ADMIN_TOKEN } }
services:
  keeper: { run: [node, -e, "console.log(JSON.stringify(process.env)); setInterval(() => {}, 1000); require('net').createServer().listen(process.env.PORT, '127.0.0.1')"], env: { KEY: { env: TEST_KEEPER_SECRET } } }
  other: { run: [node, -e, "console.log(JSON.stringify(process.env)); require('net').createServer().listen(process.env.PORT, '127.0.0.1')"] }
`
const token = 'correct-horse-battery-staple'
const secret = 'only-for-the-keeper'

test('a secret reaches the setting that names it, and nothing and nobody else', async () => {
  const env = { TEST_ADMIN_TOKEN: token, TEST_KEEPER_SECRET: secret, BACKPLANE_TOKEN: token }
  await using backplane = await startBackplane({ config, env })
  const outputOf = (service: string) =>
    until(async () => {
      const { stdout } = await runCli(['logs', service], backplane.folder, env)
      return stdout.includes('"PORT"') && stdout
    }, `the output of ${service}`)
  const keeper = await outputOf('keeper')
  assert.ok(keeper.includes(`"KEY":"${secret}"`))
  assert.ok(!keeper.includes('TEST_KEEPER_SECRET') && !keeper.includes(token))
  const other = await outputOf('other')
  assert.ok(!other.includes(secret) && !other.includes(token))

  const refused = await fetch(`${backplane.admin}/api/v1/config`)
  assert.equal(refused.status, 401)
  const shown = await fetch(`${backplane.admin}/api/v1/config`, {
    headers: { authorization: `Basic ${btoa(`any:${token}`)}` },
  })
  assert.equal(shown.status, 200)
  const text = await shown.text()
  assert.ok(!text.includes(token) && !text.includes(secret))
  for (const name of await readdir(join(backplane.folder, '.backplane/run'))) {
    if (!/\.(log|json)$/.test(name)) continue
    const written = await readFile(join(backplane.folder, '.backplane/run', name), 'utf8')
    assert.ok(!written.includes(token) && !written.includes(secret), name)
  }
})
