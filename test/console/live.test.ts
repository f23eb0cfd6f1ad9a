import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { chromium, type Page } from 'playwright-core'
import { startBackplane, until } from '../harness/backplane.ts'
import { reasonToSkip } from './browser.ts'

const root = join(import.meta.dirname, '../..')
const flags =
  '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'

/** The shop of `npm start` in a temporary folder, on free ports. */
function copyShop(): { readonly folder: string; readonly config: string } {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-live-'))
  cpSync(join(root, 'examples/shop'), folder, {
    recursive: true,
    filter: (from) => !from.includes('.backplane'),
  })
  const config = readFileSync(join(folder, 'backplane.yaml'), 'utf8')
  return {
    folder,
    config: `listen: { default: off, gateway: 0, gateway-tls: 0, console: 0, consul: 0, eureka: 0 }\n${config}`,
  }
}

function numberIn(page: Page, testId: string): Promise<number> {
  return page
    .getByTestId(testId)
    .first()
    .textContent()
    .then((text) => Number.parseFloat((text ?? '').replaceAll(',', '')))
}

/** Keeps a picture where a person can look at it: SCREENSHOTS=folder. */
async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env['SCREENSHOTS']
  if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`) })
}

test(
  'the console on the running shop: live numbers, a restart, a record, the configuration',
  { skip: reasonToSkip() },
  async (t) => {
    execFileSync(process.execPath, [join(root, 'scripts/build-console.ts')], { cwd: root })
    await using backplane = await startBackplane({ ...copyShop(), args: ['--env', 'load'] })
    const browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      args: flags.split(' '),
    })
    t.after(() => browser.close())
    const page = await browser.newPage({ viewport: { width: 1360, height: 900 } })
    page.setDefaultTimeout(20_000)
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text())
    })

    await t.test('the map shows traffic on the edges and healthy services', async () => {
      await page.goto(backplane.admin)
      await page.getByTestId('service-orders-state').first().waitFor()
      await until(
        async () => (await numberIn(page, 'edge-gateway-web-rate')) > 0,
        'requests of clients to web',
      )
      await until(
        async () => (await numberIn(page, 'edge-orders-payments-rate')) > 0,
        'requests of orders to payments',
      )
      await until(
        async () =>
          /nothing is wrong/i.test(
            (await page
              .getByTestId('problems-none')
              .textContent()
              .catch(() => '')) ?? '',
          ),
        'that nothing is wrong',
      )
      await picture(page, 'live-system')
    })

    await t.test('restart asks first, then replaces both instances', async () => {
      await page.goto(`${backplane.admin}/#/services/orders`)
      await page.getByTestId('instance-orders-1-health').waitFor()
      await picture(page, 'live-service')
      await page.getByTestId('action-restart').click()
      assert.match(
        (await page.getByTestId('dialog-text').textContent()) ?? '',
        /2 instances|one after the other/,
      )
      await page.getByTestId('dialog-confirm').click()
      await page.getByTestId('instance-orders-3-health').waitFor()
      await page.getByTestId('log-line').first().waitFor()
    })

    await t.test('a record of a request names its route and line', async () => {
      const response = await fetch(`${backplane.gateway}/nowhere`)
      await response.body?.cancel()
      const id = response.headers.get('x-request-id') ?? ''
      await page.goto(`${backplane.admin}/#/requests/${id}`)
      await page.getByText('ERR_GATEWAY_ROUTE_NOT_FOUND').first().waitFor()
      await picture(page, 'live-record')
    })

    await t.test('the policies of the shop answer, and their decisions are told', async () => {
      const { gateway, admin } = backplane
      const decision = async (response: Response): Promise<string> => {
        await response.body?.cancel()
        const id = response.headers.get('x-request-id') ?? ''
        await page.goto(`${admin}/#/requests/${id}`)
        await page.getByTestId('record-request-id').getByText(id).first().waitFor()
        return (await page.getByTestId('record-policies').first().textContent()) ?? ''
      }
      const body = JSON.stringify({ user: 'ada', password: 'demo' })
      const headers = { 'content-type': 'application/json' }
      const login = await fetch(`${gateway}/api/users/login`, { method: 'POST', headers, body })
      assert.equal(login.status, 200)
      assert.match(await decision(login), /^limit limit address: \d+ of 40 left at 20\/s$/)
      await picture(page, 'live-policies')
      const partner = await fetch(`${gateway}/api/catalog/products/kite`, {
        headers: { origin: 'https://eu.partner.example' },
      })
      assert.equal(partner.headers.get('access-control-allow-origin'), 'https://eu.partner.example')
      assert.match(await decision(partner), /^cors /)
      const old = await fetch(`${gateway}/products/kite`, { redirect: 'manual' })
      assert.equal(old.headers.get('location'), '/api/catalog/products/kite')
      assert.match(await decision(old), /^redirect redirect: 308 to/)
      const robots = await fetch(`${gateway}/robots.txt`)
      assert.match(await robots.text(), /Disallow: \/api\//)
      const front = await fetch(gateway)
      await front.body?.cancel()
      assert.equal(front.headers.get('referrer-policy'), 'same-origin')
      const turns = await Promise.all(
        Array.from({ length: 12 }, () => fetch(`${gateway}/knob/payments`)),
      )
      assert.ok(turns.some(({ status }) => status === 429))
    })

    await t.test('listeners and configuration show source lines', async () => {
      await page.goto(`${backplane.admin}/#/configuration`)
      await page.getByTestId('listener-gateway-state').waitFor()
      assert.match(
        (await page.getByTestId('config-tree').textContent()) ?? '',
        /backplane\.yaml:\d+/,
      )
      await picture(page, 'live-configuration')
    })

    await t.test('dark, and 400 px wide', async () => {
      await page.emulateMedia({ colorScheme: 'dark' })
      await page.goto(`${backplane.admin}/#/`)
      await page.getByTestId('service-orders-state').first().waitFor()
      await picture(page, 'live-dark')
      await page.setViewportSize({ width: 400, height: 900 })
      const fits = 'document.documentElement.scrollWidth <= document.documentElement.clientWidth'
      assert.equal(await page.evaluate(fits), true)
      await picture(page, 'live-narrow')
    })
    assert.deepEqual(complaints, [])
  },
)
