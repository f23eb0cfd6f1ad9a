import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { chromium } from 'playwright-core'
import { startBackplane } from '../harness/backplane.ts'
import { CHROMIUM, FLAGS, reasonToSkip } from './browser.ts'

const root = join(import.meta.dirname, '../..')

test(
  'streams are searched, their events read up to a revision and a time, groups seen',
  { skip: reasonToSkip() },
  async (t) => {
    execFileSync(process.execPath, [join(root, 'scripts/build-console.ts')], { cwd: root })
    await using backplane = await startBackplane({
      config: 'listen: { default: off, gateway: 0, console: 0, kurrentdb: 0 }\nevents: {}\n',
    })
    const events = `http://${backplane.ready.listen['kurrentdb']}/api/v1/events`
    const post = async (path: string, body: object) => {
      const response = await fetch(`${events}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      assert.equal(response.status, 201, await response.text())
    }
    for (const n of [1, 2, 3]) {
      await post('/streams/order-17', { events: [{ type: 'OrderPlaced', data: { n } }] })
    }
    await post('/streams/cart-1', { events: [{ type: 'CartOpened', data: {} }] })
    await post('/groups', { stream: 'order-17', group: 'mails', settings: { startFrom: 0 } })

    const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
    t.after(() => browser.close())
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
    page.setDefaultTimeout(20_000)
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(error.message))
    await page.goto(`${backplane.admin}/#/`)
    await page.getByRole('link', { name: 'Events', exact: true }).click()
    await page.getByTestId('stream-cart-1').waitFor()
    await page.getByTestId('stream-prefix').fill('order-')
    await page.getByTestId('stream-cart-1').waitFor({ state: 'detached' })
    await page.getByTestId('stream-order-17').getByRole('link').click()
    await page.getByTestId('event-2').getByRole('button').click()
    assert.match(await page.getByTestId('event-data').innerText(), /"n": 3/)
    const folder = process.env['SCREENSHOTS']
    if (folder !== undefined) await page.screenshot({ path: join(folder, 'events.png') })
    await page.getByTestId('events-until').fill('0')
    await page.getByTestId('events-travel').click()
    await page.getByTestId('event-2').waitFor({ state: 'detached' })
    await page.getByTestId('event-0').waitFor()
    const group = page.getByTestId('group-mails')
    assert.match(await group.innerText(), /RoundRobin[\s\S]*order-17[\s\S]*none/)
    await page.setViewportSize({ width: 420, height: 800 })
    if (folder !== undefined) await page.screenshot({ path: join(folder, 'events-narrow.png') })
    assert.deepEqual(complaints, [])
  },
)
