import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { chromium, type Page } from 'playwright-core'
import { startBackplane } from '../harness/backplane.ts'
import { CHROMIUM, FLAGS, reasonToSkip } from './browser.ts'

const root = join(import.meta.dirname, '../..')

/** Keeps a picture where a person can look at it: SCREENSHOTS=folder. */
async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env['SCREENSHOTS']
  if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`) })
}

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await new Promise((done) => server.close(done))
  return port
}

test(
  'the console shows clients, accounts, grants and keys, and changes them',
  { skip: reasonToSkip() },
  async (t) => {
    execFileSync(process.execPath, [join(root, 'scripts/build-console.ts')], { cwd: root })
    const port = await freePort()
    await using backplane = await startBackplane({
      config: `
listen: { default: off, console: ${port}, gateway: 0 }
identity:
  issuer: http://localhost:${port}/identity
  clients:
    - { id: shop, name: The shop, redirectUris: ["http://localhost:9/back"], scopes: [orders:read] }
`,
    })
    const call = async (method: string, path: string, body?: object) => {
      const answer = await fetch(`${backplane.admin}/api/v1/identity${path}`, {
        method,
        ...(body === undefined
          ? {}
          : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      })
      assert.ok(answer.ok, await answer.clone().text())
      return (await answer.json()) as Record<string, unknown>
    }
    await call('POST', '/accounts', { login: 'ada', name: 'Ada', roles: ['admin'] })
    await call('POST', '/clients', { id: 'batch', scopes: ['orders:read'] })

    const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
    t.after(() => browser.close())
    const page = await browser.newPage({ viewport: { width: 1280, height: 1100 } })
    page.setDefaultTimeout(20_000)
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(error.message))

    await page.goto(`${backplane.admin}/#/identity`)
    await page.getByTestId('client-shop').getByText('The shop (shop)').waitFor()
    assert.equal(
      await page.getByTestId('identity-issuer').textContent(),
      `http://localhost:${port}/identity`,
    )
    await page.getByTestId('account-ada').getByText('active').waitFor()
    await page.getByText('Nobody has granted anything.').waitFor()
    await picture(page, 'identity')

    await page.getByTestId('client-remove-batch').click()
    await page.getByTestId('dialog-confirm').click()
    await page.getByText('The client batch is gone').waitFor()
    await page.getByTestId('client-batch').waitFor({ state: 'detached' })

    await page.getByTestId('account-switch-ada').click()
    await page.getByTestId('dialog-confirm').click()
    await page.getByTestId('account-ada').getByText('disabled').waitFor()

    const before = (await call('GET', '/keys'))['keys'] as unknown[]
    assert.equal(before.length, 2)
    await page.getByTestId('keys-rotate').click()
    await page.getByTestId('dialog-confirm').click()
    await page.getByText('4 keys').waitFor()
    await page.getByRole('row').filter({ hasText: 'verifies' }).first().waitFor()
    assert.deepEqual(complaints, [])

    await backplane.configure(`listen: { default: off, console: ${port}, gateway: 0 }\n`)
    await page.getByTestId('identity-away').waitFor()
  },
)
