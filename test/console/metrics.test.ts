import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { chromium, type Page } from 'playwright-core'
import { startBackplane, until, type Running } from '../harness/backplane.ts'
import { CHROMIUM, FLAGS, reasonToSkip } from './browser.ts'

const root = join(import.meta.dirname, '../..')
const service = `
import { createServer } from 'node:http'
createServer((request, response) => {
  if (request.url === '/metrics') {
    response.setHeader('content-type', 'text/plain; version=0.0.4')
    return response.end('# TYPE queue_depth gauge\\nqueue_depth{queue="a"} 20\\nqueue_depth{queue="b"} 3\\n')
  }
  response.end('shop')
}).listen(process.env.PORT)
`
const config = `
listen: { default: off, gateway: 0, console: 0, prometheus: 0 }
services:
  shop: { run: node shop.mjs, metrics: /metrics, slo: { objective: 99.9% } }
metrics:
  scrape: { interval: 1s, timeout: 1s }
  jobs: [{ name: away, targets: ['127.0.0.1:1'] }]
alerts:
  interval: 1s
  rules:
    - alert: QueueDeep
      query: queue_depth > 10
      labels: { severity: page }
      annotations: { summary: '{{ $labels.service }} has {{ $value }} waiting' }
gateway: { routes: [{ path: /**, to: shop }] }
`

/** Keeps a picture where a person can look at it: SCREENSHOTS=folder. */
async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env['SCREENSHOTS']
  if (folder !== undefined)
    await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true })
}

test(
  'alerts, silences, objectives, queries, dashboards, targets and cardinality in the browser',
  { skip: reasonToSkip() },
  async (t) => {
    execFileSync(process.execPath, [join(root, 'scripts/build-console.ts')], { cwd: root })
    await using backplane = await startBackplane({ config, files: { 'shop.mjs': service } })
    for (let count = 0; count < 30; count++) await fetch(`${backplane.gateway}/`)
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
    t.after(() => browser.close())
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
    page.setDefaultTimeout(20_000)
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(error.message))

    await alertsAndSilences(t, page, backplane)
    await metricsPages(t, page, backplane)
    await page.setViewportSize({ width: 420, height: 800 })
    await page.goto(`${backplane.admin}/#/alerts`)
    await page.getByTestId('alert-QueueDeep-shop').waitFor()
    await picture(page, 'alerts-narrow')
    assert.deepEqual(complaints, [])
  },
)

async function alertsAndSilences(t: TestContext, page: Page, { admin }: Running): Promise<void> {
  await t.test('an alert fires, is silenced from its row, and the silence is ended', async () => {
    await page.goto(`${admin}/#/alerts`)
    const row = page.getByTestId('alert-QueueDeep-shop')
    await row.getByText('shop has 20 waiting').waitFor()
    await picture(page, 'alerts')
    await row.getByRole('link', { name: 'Silence…' }).click()
    const matchers = page.getByTestId('silence-matchers')
    assert.match(await matchers.inputValue(), /alertname="QueueDeep"\n.*service="shop"/s)
    await page.getByTestId('silence-who').fill('me')
    await page.getByTestId('silence-why').fill('known')
    await page.getByTestId('silence-make').click()
    await page.getByTestId('silence-active').getByText('known').waitFor()
    await picture(page, 'silences')
    await page.getByRole('link', { name: 'Alerts', exact: true }).last().click()
    await row.getByText('silenced').waitFor()
    await page.goto(`${admin}/#/alerts/silences`)
    await page.getByTestId('silence-active').getByRole('button', { name: 'End' }).click()
    await page.getByTestId('silence-expired').waitFor()
    await page.goto(`${admin}/#/alerts/silences`)
    await matchers.fill('nonsense')
    await page.getByTestId('silence-make').click()
    await page.getByText('is no matcher').waitFor()
  })

  await t.test('what a service promises, and what is left of its budget', async () => {
    await page.goto(`${admin}/#/alerts/slos`)
    const row = page.getByTestId('slo-shop-errors')
    await row.getByText('99.9 %').waitFor()
    await picture(page, 'slos')
    await page.goto(`${admin}/#/alerts/deliveries`)
    await page.getByText('Nobody had to be told').waitFor()
  })
}

async function metricsPages(t: TestContext, page: Page, { admin }: Running): Promise<void> {
  await t.test(
    'why leads to the query, drawn with its values; a wrong one says what is wrong',
    async () => {
      await page.goto(`${admin}/#/alerts`)
      await page.getByTestId('alert-QueueDeep-shop').getByRole('link', { name: 'Why' }).click()
      await page.getByTestId('query-chart').waitFor()
      assert.match(page.url(), /#\/metrics\/queue_depth%20%3E%2010\/1h$/)
      await until(
        async () => (await page.getByTestId('query-chart-value').first().textContent()) === '20',
        'the value',
      )
      const text = page.getByTestId('query-text')
      await text.fill('')
      await text.pressSequentially('sum by (queue) (queue_de')
      await page.getByRole('button', { name: 'queue_depth' }).waitFor()
      await text.press('Tab')
      await text.pressSequentially(')')
      await page.getByTestId('query-run').click()
      await page.getByTestId('query-count').getByText('2 series').waitFor()
      await picture(page, 'query')
      await page.getByRole('button', { name: '15m' }).click()
      assert.match(page.url(), /\/15m$/)
      const box = await page.getByTestId('query-chart').boundingBox()
      assert.ok(box !== null)
      await page.mouse.move(box.x + box.width * 0.5, box.y + 50)
      await page.mouse.down()
      await page.mouse.move(box.x + box.width * 0.8, box.y + 50, { steps: 5 })
      await page.mouse.up()
      await page.getByTestId('range-zoomed').waitFor()
      assert.match(page.url(), /\/\d+-\d+$/)
      await text.fill('sum(')
      await page.getByTestId('query-run').click()
      await page.getByTestId('query-error').getByText('parse error').waitFor()
    },
  )

  await t.test(
    'a dashboard that nobody made, targets with their errors, and what there is most of',
    async () => {
      await page.goto(`${admin}/#/dashboard/shop/15m`)
      await page.getByTestId('graph-memory-value').first().getByText('MiB').waitFor()
      await picture(page, 'dashboard')
      await page.getByRole('link', { name: 'Targets' }).click()
      await page
        .getByTestId('target-error')
        .first()
        .getByText(/ECONNREFUSED|refused|connect/)
        .waitFor()
      await page.getByTestId('targets-summary').getByText('1 down').waitFor()
      await picture(page, 'targets')
      await page.getByRole('link', { name: 'Cardinality' }).click()
      await page.getByTestId('cardinality-series-by-metric').getByRole('link').first().waitFor()
      await picture(page, 'cardinality')
    },
  )
}
