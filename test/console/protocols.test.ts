import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import { reasonToSkip, startBrowser, type TestBrowser } from './browser.ts'
import { shopPicture } from './scene.ts'

/** Set before the first test runs. */
let browser: TestBrowser

/** `SCREENSHOTS=folder` keeps what was seen. */
async function keep(page: Page, name: string): Promise<void> {
  const folder = process.env['SCREENSHOTS']
  if (folder !== undefined)
    await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true })
}

const textOf = async (page: Page, testId: string): Promise<string> => {
  const found = page.getByTestId(testId)
  await found.waitFor()
  return (await found.textContent()) ?? ''
}

void describe('protocols of discovery in the console', { skip: reasonToSkip() }, () => {
  before(async () => {
    browser = await startBrowser()
  })
  after(() => browser.close())

  test('an instance says where it comes from, and how old its lease is', async () => {
    await using open = await browser.open(shopPicture(), {}, '#/services/orders')
    const { page } = open
    await page.getByTestId('instance-orders-1-unfold').click()
    const text = await textOf(page, 'registration-orders-1')
    assert.match(text, /Sourceeureka/)
    assert.match(text, /Lease90 s, renewed 1\d s ago/)
    assert.match(text, /Overrideout-of-service Eureka: DOWN/)
    assert.match(text, /Metadatazone=a/)
    await keep(page, 'registration')
    assert.deepEqual(open.complaints, [])
  })

  test('what was asked over DNS and Eureka stands under the listeners', async () => {
    await using open = await browser.open(shopPicture(), {}, '#/configuration')
    const { page } = open
    assert.match(await textOf(page, 'dns-udp-SRV-answer'), /1,234 answer|1\.2k answer/)
    assert.match(await textOf(page, 'dns-besides'), /7 cut.*3 beyond dns\.rate/)
    assert.match(
      await textOf(page, 'eureka-leases'),
      /^3 leases, 2 kept beyond their end, 1 registration/,
    )
    assert.match(await textOf(page, 'eureka-requests'), /40 renew 200, 1 renew 404/)
    await keep(page, 'protocols')
    assert.deepEqual(open.complaints, [])
  })
})
