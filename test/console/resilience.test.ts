import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import { spansOf } from '../../web/src/pages/service/resilience-text.ts'
import { reasonToSkip, startBrowser, type TestBrowser } from './browser.ts'
import { resilienceOf } from './resilience-scene.ts'
import { SCENE_AT_MS, shopPicture } from './scene.ts'

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

test('a history is told as spans, those that go on without an end', () => {
  const spans = spansOf(resilienceOf('payments').events)
  const ago = (atMs: number): number => (atMs === Infinity ? 0 : SCENE_AT_MS - atMs)
  assert.deepEqual(
    spans.map(({ kind, instance, fromMs, untilMs }) => [kind, instance, ago(fromMs), ago(untilMs)]),
    [
      ['open', '', 310_000, 300_000],
      ['ejected', 'payments-1', 200_000, 170_000],
      ['overloaded', '', 62_000, 0],
      ['open', '', 60_000, 6_000],
      ['half-open', '', 6_000, 4_000],
      ['open', '', 4_000, 0],
    ],
  )
})

void describe('resilience in the console', { skip: reasonToSkip() }, () => {
  before(async () => {
    browser = await startBrowser()
  })
  after(() => browser.close())

  test('the page of a service says where its breaker is, what is used of its budget, and why requests were refused', async () => {
    await using open = await browser.open(shopPicture(), {}, '#/services/payments')
    const { page } = open
    assert.equal(await textOf(page, 'breaker-state-service'), 'open')
    assert.match(await textOf(page, 'breaker-because'), /18 of 20 calls failed/)
    assert.equal(await textOf(page, 'load-budget'), '30 of 30')
    assert.equal(await textOf(page, 'load-limit'), '7 of 8')
    assert.equal(await textOf(page, 'load-queue'), '12')
    assert.equal(await textOf(page, 'load-shed'), '41')
    assert.match(await textOf(page, 'overloaded'), /where 32 ms are usual/)
    assert.match(await textOf(page, 'timeline-service'), /open for 4 s until now/)
    assert.match(
      await textOf(page, 'timeline-payments-1'),
      /left out for 30 s: for 30 s: 5 failures/,
    )
    assert.match(await textOf(page, 'resilience-payments-1'), /answered 503/)
    assert.match(await textOf(page, 'refused'), /ERR_GATEWAY_BREAKER_OPEN the breaker of payments/)
    await page.getByTestId('policies').locator('summary').click()
    assert.match(await textOf(page, 'policy-breaker'), /opens when 50 % fail within 10 s, 20 calls/)
    assert.match(await textOf(page, 'policy-concurrency'), /as many as come until it is overloaded/)
    assert.match(await textOf(page, 'policy-retries'), /2 further attempts on connect, reset/)
    await keep(page, 'resilience')
    assert.deepEqual(open.complaints, [])
  })

  test('switches ask first: the breaker is held open, an instance is given back', async () => {
    await using open = await browser.open(shopPicture(), {}, '#/services/payments')
    const { page, fake } = open
    await page.getByTestId('breaker-open').click()
    assert.match(await textOf(page, 'dialog-text'), /No call is made/)
    await page.getByTestId('dialog-cancel').click()
    assert.deepEqual(fake.actions, [])
    await page.getByTestId('breaker-open').click()
    await keep(page, 'resilience-dialog')
    await page.getByTestId('dialog-confirm').click()
    await page.getByTestId('dialog').waitFor({ state: 'detached' })
    await page.getByTestId('drain-payments-2').getByText('Undrain').click()
    await page.getByTestId('dialog-confirm').click()
    await page.getByTestId('dialog').waitFor({ state: 'detached' })
    await page.getByTestId('drain-payments-1').click()
    assert.match(await textOf(page, 'dialog-text'), /It gets no new requests/)
    await page.getByTestId('dialog-confirm').click()
    await page.getByTestId('dialog').waitFor({ state: 'detached' })
    assert.deepEqual(fake.actions, [
      'PUT /api/v1/services/payments/breaker {"order":"open"}',
      'PUT /api/v1/services/payments/instances/payments-2/status {"status":"clear"}',
      'PUT /api/v1/services/payments/instances/payments-1/status {"status":"maintenance"}',
    ])
    assert.deepEqual(open.complaints, [])
  })

  test('at 400 px nothing overflows', async () => {
    const viewport = { width: 400, height: 800 }
    await using open = await browser.open(shopPicture(), { viewport }, '#/services/payments')
    const { page } = open
    await page.getByTestId('resilience').waitFor()
    const width = Number(await page.evaluate('document.documentElement.scrollWidth'))
    assert.ok(width <= 400, `${width}`)
    await keep(page, 'resilience-narrow')
  })
})
