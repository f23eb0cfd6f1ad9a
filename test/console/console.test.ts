import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Locator, Page } from 'playwright-core'
import type { TestBrowser } from './browser.ts'
import { reasonToSkip, startBrowser } from './browser.ts'
import {
  largePicture,
  retriedRequest,
  SCENE_AT_MS,
  sharedPicture,
  shopPicture,
  shopTick,
  troubledPicture,
  troubles,
} from './scene.ts'

/** Waits until an element reads as expected; fails with what it reads instead. */
async function reads(locator: Locator, expected: string | RegExp): Promise<void> {
  const exact =
    typeof expected === 'string' ? new RegExp(`^\\s*${RegExp.escape(expected)}\\s*$`) : expected
  try {
    await locator.filter({ hasText: exact }).waitFor({ state: 'attached' })
  } catch {
    assert.fail(`reads '${await locator.textContent()}' instead of ${String(expected)}`)
  }
}

const widths = async (page: Page): Promise<unknown> =>
  page.evaluate('document.documentElement.scrollWidth <= document.documentElement.clientWidth')

/** Set before the first test runs. */
let browser: TestBrowser

void describe('console', { skip: reasonToSkip(), concurrency: 3 }, () => {
  before(async () => {
    browser = await startBrowser()
  })
  after(() => browser.close())
  testSystemPage()
  testActions()
  testServicePage()
  testFrame()
  testOtherPages()
  testCodePage()
})

function testSystemPage(): void {
  test('what is wrong stands first, errors before warnings, and leads to its service', async () => {
    await using open = await browser.open(shopPicture())
    const { page, fake } = open
    await reads(page.getByTestId('problems-none'), 'Nothing is wrong')
    fake.push({ type: 'problems', problems: troubles })
    await reads(page.getByTestId('problems-summary'), '1 error, 1 warning')
    await reads(page.getByTestId('problem').first(), /^error: .*payments-1 exits with code 1/)
    await page.getByTestId('problem').first().getByRole('link', { name: 'payments-1' }).click()
    await reads(page.getByRole('heading', { level: 1 }), 'payments')
    assert.deepEqual(open.complaints, [])
  })

  test('the navigation leads by what one comes for; one page of a group shows the others', async () => {
    await using open = await browser.open(shopPicture())
    const { page } = open
    const pages = page.getByRole('navigation', { name: 'Pages' })
    await reads(pages.locator('[aria-current=page]'), 'System')
    await page.getByRole('link', { name: 'Timeline', exact: true }).click()
    await page.waitForURL(/#\/timeline$/)
    await reads(pages.locator('[aria-current=page]'), 'System')
    await pages.getByRole('link', { name: 'Settings' }).click()
    await reads(
      page.getByRole('navigation', { name: 'Settings' }).locator('[aria-current=page]'),
      /^Listeners/,
    )
    await page.setViewportSize({ width: 400, height: 800 })
    assert.equal(await widths(page), true)
    const folder = process.env['SCREENSHOTS']
    if (folder !== undefined) await page.screenshot({ path: `${folder}/nav-narrow.png` })
    await page.setViewportSize({ width: 1280, height: 800 })
    if (folder !== undefined) await page.screenshot({ path: `${folder}/nav.png` })
  })

  test('the services are sorted by any column, and those that are not well stand alone', async () => {
    await using open = await browser.open(troubledPicture())
    const { page } = open
    const names = async () =>
      (await page.locator('[data-testid$=-link]').allTextContents()).join(' ')
    const byName = await names()
    assert.equal(byName, byName.split(' ').toSorted().join(' '))
    await page.getByTestId('sort-restarts').click()
    await page.locator('th[aria-sort=descending]').getByTestId('sort-restarts').waitFor()
    const restarts = await page.locator('td[data-testid$=-restarts]').allTextContents()
    const numbers = restarts.map((text) => Number(text.replace('–', '0')))
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => b - a),
    )
    assert.ok(numbers[0]! > 0, restarts.join())
    await page.getByTestId('sort-state').click()
    assert.notEqual(await names(), byName)
    await page.getByTestId('only-unwell').check()
    const states = await page.locator('td [data-testid$=-state]').allTextContents()
    assert.ok(states.length > 0 && states.every((state) => state !== 'healthy'), states.join())
    assert.deepEqual(open.complaints, [])
    const folder = process.env['SCREENSHOTS']
    if (folder !== undefined)
      await page.screenshot({ path: `${folder}/services.png`, fullPage: true })
  })

  test('the map shows services and edges, and its numbers follow the ticks', async () => {
    await using open = await browser.open(shopPicture())
    const { page, fake } = open
    await reads(page.getByTestId('node-orders-healthy'), '2/2')
    const tick = shopTick(SCENE_AT_MS + 1000, {
      '>orders': { requestsPerSecond: 123, p95Ms: 1500, errorRatio: 0.07 },
    })
    fake.push({ type: 'tick', tick })
    await reads(page.getByTestId('edge-gateway-orders-rate'), '123/s')
    await reads(page.getByTestId('edge-gateway-orders-p95'), '1.5 s')
    await reads(page.getByTestId('edge-gateway-orders-errors'), '7 % err')
    await page.getByTestId('traffic-table').click()
    await reads(page.getByTestId('edge-gateway-orders-rate'), '123/s')
    await reads(page.getByTestId('total-services'), '6 / 6')
    await page.getByTestId('traffic-map').click()
    await page.getByTestId('node-orders').click()
    await reads(page.getByTestId('service-orders-healthy'), '2/2')
    assert.deepEqual(open.complaints, [])
  })

  test('calls through shared listeners are a card of their own, and not those of clients', async () => {
    await using open = await browser.open(sharedPicture())
    const { page } = open
    await reads(page.getByTestId('node-gateway-rate'), '30/s')
    await reads(page.getByTestId('node-@shared-rate'), '70/s')
    await reads(page.getByTestId('edge-@shared-users-rate'), '50/s')
    await reads(page.getByTestId('total-rate'), '30/s')
    await reads(page.getByTestId('shared-note'), /which of them called is not known/)
    await page.getByTestId('traffic-table').click()
    await reads(page.getByTestId('edge-@shared-users-errors'), '3 %')
    await page.evaluate("location.hash = '#/services/users'")
    await reads(page.getByTestId('callers-shared'), /Name what each one calls/)
    await reads(page.getByTestId('called-shared'), /what it called is not known/)
    await reads(page.getByTestId('chart-callers-services (shared)'), '50/s')
    assert.deepEqual(open.complaints, [])
  })

  test('forty services are laid out without two cards on one place', async () => {
    await using open = await browser.open(largePicture())
    const { page } = open
    await page.getByTestId('node-ledger-7').waitFor()
    const boxes = await Promise.all(
      (await page.locator('a.node').all()).map((node) => node.boundingBox()),
    )
    assert.equal(boxes.length, 40)
    assert.equal(new Set(boxes.map((box) => `${box?.x} ${box?.y}`)).size, 40)
    assert.deepEqual(open.complaints, [])
  })
}

function testActions(): void {
  test('a restart says what will happen, asks, and is posted; Esc does nothing', async () => {
    await using open = await browser.open(shopPicture(), {}, '#/services/orders')
    const { page, fake } = open
    await page.getByTestId('action-restart').click()
    await reads(
      page.getByTestId('dialog-text'),
      /^2 instances are taken out of rotation, drained for at most 10 s, then stopped with SIGTERM/,
    )
    await page.keyboard.press('Escape')
    await page.getByTestId('dialog').waitFor({ state: 'detached' })
    assert.deepEqual(fake.actions, [])
    await page.getByTestId('action-restart').click()
    await page.getByTestId('dialog-confirm').click()
    await reads(page.getByTestId('toast-good'), /orders is being restarted/)
    assert.deepEqual(fake.actions, ['POST /api/v1/services/orders/restart {}'])
  })

  test('scaling is put, a refusal is shown with its code, a difference is cleared', async () => {
    await using open = await browser.open(troubledPicture(), {}, '#/services/users')
    const { page, fake } = open
    await page.getByTestId('action-scale').click()
    assert.equal(await page.getByTestId('dialog-confirm').isDisabled(), true)
    await page.getByTestId('scale-input').fill('99')
    await reads(page.getByTestId('dialog-text'), /whole number from 0 to 8/)
    await page.getByTestId('scale-input').fill('5')
    await reads(page.getByTestId('dialog-text'), /2 instances are started.*The file says 2/)
    fake.refuseNext = 'ERR_TEST_BUSY'
    await page.getByTestId('dialog-confirm').click()
    await reads(page.getByTestId('toast-bad'), /ERR_TEST_BUSY.*orders is being restarted already/)
    await reads(page.getByTestId('overrides'), /instances 2 3/)
    await page.getByTestId('action-clear').click()
    await reads(page.getByTestId('toast-good'), /follows the file/)
    assert.deepEqual(fake.actions, [
      'PUT /api/v1/services/users/scale {"instances":5}',
      'DELETE /api/v1/services/users/overrides',
    ])
  })
}

function testServicePage(): void {
  test('what others registered shows its source, its lease and who watches; a stale source says why', async () => {
    await using open = await browser.open(shopPicture())
    const { page } = open
    await page.getByTestId('node-users').click()
    await reads(page.getByTestId('registry-watchers'), '12 watchers')
    await reads(page.getByTestId('source-consul'), /stale.*2 instances, 42 s ago.*ECONNREFUSED/)
    await reads(page.getByTestId('registered-users-a'), /maintenance: new disk.*consul.*none/)
    await reads(page.getByTestId('registered-users-b'), /stands by.*eureka.*30 s, renewed 12 s ago/)
    assert.deepEqual(open.complaints, [])
  })

  test('instances unfold to their checks and last lines; charts show the newest values', async () => {
    await using open = await browser.open(troubledPicture(), {}, '#/services/payments')
    const { page } = open
    await reads(page.getByTestId('instance-payments-1-process'), 'crash-looping')
    await page.getByTestId('instance-payments-1-unfold').click()
    await reads(page.getByTestId('check-tcp'), /ECONNREFUSED/)
    await reads(page.getByTestId('last-lines'), /PAYMENTS_KEY is not set/)
    await reads(page.getByTestId('chart-latency-p95'), '1.8 s')
    await page.locator('[data-testid=chart-latency] canvas').waitFor()
    assert.deepEqual(open.complaints, [])
  })

  test('log lines arrive, are filtered, paused, and dropped ones are counted', async () => {
    await using open = await browser.open(shopPicture(), {}, '#/services/orders')
    const { page, fake } = open
    await page.getByTestId('log').waitFor()
    await fake.logReader()
    const line = (seq: number, text: string) =>
      ({ seq, atMs: SCENE_AT_MS + seq, process: 'orders-1', stream: 'stderr', text }) as const
    fake.log([line(1, 'order 17 paid'), line(2, 'order 18 refused')])
    await reads(page.getByTestId('log-line').nth(1), /orders-1order 18 refused$/)
    await page.getByTestId('log-filter').fill('PAID')
    await page.waitForFunction("document.querySelectorAll('[data-testid=log-line]').length === 1")
    await page.getByTestId('log-filter').fill('')
    await page.getByTestId('log-pause').click()
    fake.log([line(3, 'order 19 paid')], 7)
    await reads(page.getByTestId('log-pause'), 'Go on (1)')
    assert.equal(await page.getByTestId('log-line').count(), 2)
    await page.getByTestId('log-pause').click()
    await reads(page.getByTestId('log-line').nth(2), /order 19 paid/)
    await reads(page.getByTestId('log-dropped'), '7 lines dropped')
  })
}

function testFrame(): void {
  test('a lost connection is said, the last state stays, and it comes back by itself', async () => {
    await using open = await browser.open(shopPicture())
    const { page, fake } = open
    fake.dropFeeds()
    await reads(
      page.getByTestId('connection-banner'),
      /^Connection lost, showing the state of \d\d:\d\d:\d\d/,
    )
    await reads(page.getByTestId('total-services'), '6 / 6')
    fake.picture = troubledPicture()
    fake.feedIsUp = true
    await page.getByTestId('connection-banner').waitFor({ state: 'detached' })
    await reads(page.getByTestId('total-services'), '5 / 6')
    assert.equal(fake.feedCount, 2)
  })

  test('the theme follows the system until it is switched, and the choice is remembered', async () => {
    await using open = await browser.open(shopPicture(), { colorScheme: 'light' })
    const { page } = open
    const ground = async (): Promise<unknown> =>
      page.evaluate('getComputedStyle(document.body).backgroundColor')
    const light = await ground()
    await page.emulateMedia({ colorScheme: 'dark' })
    const dark = await ground()
    assert.notEqual(light, dark)
    await page.emulateMedia({ colorScheme: 'light' })
    await page.getByTestId('theme-switch').click()
    assert.equal(await ground(), dark)
    await page.reload()
    assert.equal(await ground(), dark)
  })

  test('with the keyboard alone: skip, search a service, restart it', async () => {
    await using open = await browser.open(shopPicture())
    const { page, fake } = open
    await page.keyboard.press('Tab')
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to content')
    await page.keyboard.press('Enter')
    assert.equal(await page.evaluate('document.activeElement.id'), 'main')
    await page.keyboard.press('/')
    await page.keyboard.type('pay')
    await page.keyboard.press('Enter')
    await reads(page.getByRole('heading', { level: 1 }), 'payments')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.getByTestId('dialog-confirm').waitFor()
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await reads(page.getByTestId('toast-good'), /payments is being restarted/)
    assert.equal(fake.actions.length, 1)
  })
}

function testCodePage(): void {
  test('a code leads to its entry in the documentation; an unknown one says so', async () => {
    await using open = await browser.open(shopPicture(), {}, '#/codes/ERR_ROUTING_PATH')
    const { page } = open
    await reads(page.getByTestId('code-text'), /What to do: /)
    await page.evaluate("location.hash = '#/codes/ERR_NO_SUCH_CODE'")
    await reads(page.getByTestId('code-unknown'), /No entry/)
    assert.deepEqual(open.complaints, [])
  })
}

function testOtherPages(): void {
  test('the record of a request: route, source line, attempts, reason', async () => {
    await using open = await browser.open(shopPicture(), {}, '#/requests')
    const { page } = open
    await page.getByTestId(`request-${retriedRequest.requestId}`).click()
    await reads(page.getByTestId('record-route'), 'orders-by-idbackplane.yaml:31')
    await reads(page.getByTestId('record-trace'), /^4bf92f3577b34da6a3ce929d0e0e4736sampled/)
    await reads(page.getByTestId('record-span'), retriedRequest.spanId)
    await reads(page.getByTestId('record-parent'), retriedRequest.parentSpanId)
    await reads(page.getByTestId('record-protocol'), 'http/1.1')
    await reads(page.getByTestId('record-queue'), 'waited 1.3 ms for a connection')
    await reads(page.getByTestId('record-bytes'), '311 B in, 204 B out')
    await reads(page.getByTestId('policy-0'), 'cors the origin may read the answer')
    await reads(page.getByTestId('policy-1'), 'limit limit address: 17 of 20 left at 5/s')
    await reads(page.getByTestId('attempt-0-outcome'), 'connect-refused')
    await reads(page.getByTestId('attempt-1-outcome'), 'reset')
    await reads(page.getByTestId('trace').locator('tbody tr'), /services \(shared\)payments/)
    await page.getByTestId('request-id').fill('no-such-id')
    await page.keyboard.press('Enter')
    await reads(page.getByTestId('request-unknown'), /No request no-such-id/)
    assert.equal(
      await page.getByRole('heading', { level: 1 }).count(),
      1,
      'nothing of before stays',
    )
  })

  test('listeners with reasons, the configuration with its lines, deep links', async () => {
    await using open = await browser.open(shopPicture(), {}, '#/configuration')
    const { page } = open
    await reads(page.getByTestId('listeners-summary'), '3 open, 1 closed')
    await reads(page.getByTestId('listener-consul-state'), 'closed')
    await reads(page.getByTestId('config-tree'), /run: node services\/orders\.tsbackplane\.yaml:12/)
    await reads(page.getByTestId('config-overrides'), /users.*instances 2 3/)
    assert.doesNotMatch((await page.getByTestId('config-tree').textContent()) ?? '', /workers/)
    await page.getByTestId('config-all').click()
    await reads(page.getByTestId('config-tree'), /workers: 0default/)
    assert.deepEqual(open.complaints, [])
  })

  test('nothing scrolls sideways at 400 px', async () => {
    await using open = await browser.open(troubledPicture(), {
      viewport: { width: 400, height: 800 },
    })
    const { page } = open
    for (const hash of [
      '#/',
      '#/services/payments',
      `#/requests/${retriedRequest.requestId}`,
      '#/configuration',
    ]) {
      await page.evaluate(`location.hash = '${hash}'`)
      await page.locator('main h1').first().waitFor({ state: 'attached' })
      await page.locator('.skeleton').first().waitFor({ state: 'detached' })
      assert.equal(await widths(page), true, hash)
    }
    assert.deepEqual(open.complaints, [])
  })
}
