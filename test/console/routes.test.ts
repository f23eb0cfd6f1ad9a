import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { chromium } from 'playwright-core'
import { startBackplane } from '../harness/backplane.ts'
import { CHROMIUM, FLAGS, reasonToSkip } from './browser.ts'

const root = join(import.meta.dirname, '../..')

const config = `listen: { default: off, gateway: 0, console: 0 }
services:
  orders: { at: ['127.0.0.1:9'] }
  next: { at: ['127.0.0.1:9'] }
gateway:
  policies: { limit: { rate: 9/s } }
  routes:
    - { path: /orders/**, to: orders, ip: { deny: [10.0.0.0/8] } }
    - { path: /checkout, split: [{ to: orders, weight: 75% }, { to: next, weight: 25% }] }
    - { path: /down, limit: off, respond: { status: 503 } }
`

test(
  'the routes are listed, and a request that nobody has made says where it would go',
  { skip: reasonToSkip() },
  async (t) => {
    execFileSync(process.execPath, [join(root, 'scripts/build-console.ts')], { cwd: root })
    await using backplane = await startBackplane({ config })
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
    t.after(() => browser.close())
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
    page.setDefaultTimeout(20_000)
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(error.message))
    await page.goto(`${backplane.admin}/#/`)
    await page.getByRole('link', { name: 'Traffic', exact: true }).click()
    await page.getByRole('link', { name: 'Routes', exact: true }).click()
    const row = page.getByTestId('route-/checkout')
    assert.match(await row.innerText(), /orders 75 %[^]*next 25 %[^]*limit of gateway/)
    assert.match(await page.getByTestId('route-/down').innerText(), /answers by itself/)

    await page.getByLabel('Path and query').fill('/orders/7?full=1')
    await page.getByRole('button', { name: 'Try' }).click()
    const tried = page.getByTestId('tried')
    await tried.getByText('/orders/**').first().waitFor()
    const text = await tried.innerText()
    assert.match(
      text,
      /ip: everybody may call, but not 10\.0\.0\.0\/8[^]*limit: 9\/s, burst 9, by address/,
    )
    assert.match(text, /0 of 1 instances|1 of 1 instances/)
    assert.match(text, /GET \/orders\/7\?full=1/)
    const folder = process.env['SCREENSHOTS']
    if (folder !== undefined) await page.screenshot({ path: join(folder, 'routes.png') })

    await page.getByLabel('Path and query').fill('/nothing')
    await page.getByRole('button', { name: 'Try' }).click()
    await tried.getByText('ERR_GATEWAY_ROUTE_NOT_FOUND').waitFor()
    await page.getByLabel('Path and query').fill('nothing')
    await page.getByRole('button', { name: 'Try' }).click()
    await page.getByRole('alert').waitFor()
    assert.deepEqual(complaints, [])
  },
)
