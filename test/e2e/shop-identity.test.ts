import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { chromium } from 'playwright-core'
import { CHROMIUM, FLAGS, reasonToSkip } from '../console/browser.ts'
import { startBackplane } from '../harness/backplane.ts'

const shop = join(import.meta.dirname, '../../examples/shop')

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await new Promise((done) => server.close(done))
  return port
}

test(
  'the shop signs a person in through the browser, and calls its API with a JWT',
  { skip: reasonToSkip() },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'backplane-shop-'))
    t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
    cpSync(shop, folder, { recursive: true })
    const [gateway, console] = [await freePort(), await freePort()]
    const read = (name: string) =>
      readFileSync(join(shop, name), 'utf8')
        .replaceAll('localhost:4000', `localhost:${console}`)
        .replaceAll(':8080/', `:${gateway}/`)
        .replace(/^tls: local$/m, '')
    const running = await startBackplane({
      config: `listen: { default: off, gateway: ${gateway}, console: ${console}, consul: 0 }\n${read('backplane.yaml')}`,
      files: { 'backplane.identity.yaml': read('backplane.identity.yaml') },
      args: ['--env', 'identity'],
      folder,
    })
    t.after(() => running.stop())
    const account = await fetch(`${running.gateway}/api/account`, {
      headers: { 'x-shop-user': 'forged' },
    })
    assert.equal(account.status, 401)

    const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
    t.after(() => browser.close())
    const page = await browser.newPage()
    page.setDefaultTimeout(20_000)
    const complaints: string[] = []
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text())
    })
    await page.goto(`http://localhost:${gateway}/`)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('link', { name: 'Make an account' }).click()
    await page.getByLabel('Name or e-mail').fill('grace')
    await page.getByLabel('How you are called').fill('Grace')
    await page.getByLabel('Password').fill('a sentence is better than a word')
    await page.getByRole('button', { name: 'Make the account' }).click()
    await page.getByRole('button', { name: 'Signed in as Grace' }).waitFor()
    const user = await page.locator('#sign-in').getAttribute('data-user')
    assert.match(user ?? '', /^[0-9a-f-]{36}$/)
    assert.deepEqual(complaints, [])
  },
)
