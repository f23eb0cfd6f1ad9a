import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { chromium, type Page } from 'playwright-core'
import { startBackplane, until } from '../harness/backplane.ts'
import { CHROMIUM, FLAGS, reasonToSkip } from './browser.ts'

const root = join(import.meta.dirname, '../..')

const SERVICE = `
const { createServer } = require('node:http')
createServer((request, response) => {
  const [, trace, span] = (request.headers.traceparent ?? '').split('-')
  if (request.url === '/pay') {
    console.error(JSON.stringify({ level: 'error', msg: 'card <b>declined</b> <img src=x onerror="window.hacked=1">', order: 7, trace_id: trace }))
    const now = BigInt(Date.now()) * 1000000n
    const body = { resourceSpans: [{ resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] }, scopeSpans: [{ spans: [
      { traceId: trace, spanId: 'aaaaaaaaaaaaaaaa', parentSpanId: span, name: 'charge card', kind: 2, startTimeUnixNano: String(now), endTimeUnixNano: String(now + 2000000n), status: { code: 2, message: 'declined' } },
    ] }] }] }
    fetch(process.env.OTEL_EXPORTER_OTLP_ENDPOINT + '/v1/traces', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
      .then(() => { response.statusCode = 502; response.end('no') })
    return
  }
  console.log('served ' + request.url)
  response.end('ok')
}).listen(process.env.PORT)
`

/** Keeps a picture where a person can look at it: SCREENSHOTS=folder. */
async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env['SCREENSHOTS']
  if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`) })
}

test(
  'from a failed request to its trace, to the line that says why; searched, counted, watched, asked by SQL',
  { skip: reasonToSkip() },
  async (t) => {
    execFileSync(process.execPath, [join(root, 'scripts/build-console.ts')], { cwd: root })
    await using backplane = await startBackplane({
      config: `listen: { default: off, gateway: 0, console: 0, otlp-http: 0 }
services: { shop: { run: node shop.js } }
gateway: { workers: 1, routes: [{ path: "/**", to: shop }] }
`,
      files: { 'shop.js': SERVICE },
    })
    for (let at = 0; at < 5; at++) await (await fetch(`${backplane.gateway}/page${at}`)).text()
    await (await fetch(`${backplane.gateway}/pay`)).text()
    const found = async (query: string, signal = 'logs') => {
      const asked = new URLSearchParams({ query, signal }).toString()
      const answer = await fetch(`${backplane.admin}/api/v1/telemetry/logs/search?${asked}`)
      return ((await answer.json()) as { rows: { trace: string }[] }).rows
    }
    await until(async () => (await found('level:error')).length === 1, 'the line of the failure')
    await until(async () => (await found('status:error', 'spans')).length === 2, 'both spans')

    const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
    t.after(() => browser.close())
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
    page.setDefaultTimeout(20_000)
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(error.message))

    await t.test('everything of the last hour, with counts; a click narrows it', async () => {
      await page.goto(`${backplane.admin}/#/logs`)
      await page.getByText('served /page3').waitFor()
      await page.getByTestId('facet-level-error').click()
      await page.getByText('served /page3').waitFor({ state: 'detached' })
      assert.equal(await page.getByTestId('log-query').inputValue(), 'level:error')
      assert.match(page.url(), /level/, 'the address says what is shown')
      await picture(page, 'logs-search')
    })

    await t.test('the text of a log is text, whatever it says', async () => {
      const line = page.getByTestId('log-rows').getByText('card <b>declined</b>')
      await line.click()
      await page.getByTestId('log-detail').getByText('order', { exact: true }).waitFor()
      assert.equal(await page.evaluate("'hacked' in window"), false)
      assert.equal(
        await page.locator('.found-list img, .found-detail img, .found-text b').count(),
        0,
      )
      await picture(page, 'logs-detail')
    })

    await t.test(
      'its trace: the gateway, the span of the service, and the line again',
      async () => {
        await page.getByTestId('log-trace').click()
        const waterfall = page.getByTestId('waterfall')
        await waterfall.getByText('charge card').waitFor()
        await waterfall.getByText('GET /**').waitFor()
        assert.equal(await waterfall.locator('.is-failed').count(), 2)
        await page.getByTestId('log-rows').getByText('card <b>declined</b>').waitFor()
        await waterfall.getByText('charge card').click()
        await page.getByTestId('log-detail').getByText('declined').first().waitFor()
        await picture(page, 'trace')
      },
    )

    await t.test('a mistake is told with its place', async () => {
      await page.goto(`${backplane.admin}/#/logs`)
      await page.getByTestId('log-query').fill('level:error (')
      await page.getByTestId('log-run').click()
      await page.getByTestId('log-mistake').getByText('at character').waitFor()
    })

    await t.test('SQL, and what it may not', async () => {
      await page.getByTestId('logs-sql').click()
      await page
        .getByTestId('sql-text')
        .fill("select count(*) as n from logs where body like 'served%'")
      await page.getByTestId('sql-run').click()
      await page.getByTestId('sql-answer').getByText('5', { exact: true }).waitFor()
      await page.getByTestId('sql-text').fill("select * from read_text('/etc/hostname')")
      await page.getByTestId('sql-run').click()
      await page.getByTestId('sql-mistake').getByText('Permission Error').waitFor()
      await picture(page, 'logs-sql')
    })

    await t.test('lines as they come', async () => {
      await page.goto(`${backplane.admin}/#/logs/${encodeURIComponent('tab=live&q=fresh')}`)
      await page.getByText('0 records have come').waitFor()
      await until(async () => {
        await (await fetch(`${backplane.gateway}/fresh`)).text()
        return (await page.getByText('served /fresh').count()) > 0
      }, 'a line in the live tail')
    })

    await t.test('what comes from where', async () => {
      await page.getByTestId('logs-health').click()
      await page.getByTestId('log-sources').getByText('gateway').first().waitFor()
      await page.getByTestId('log-sources').getByText('stderr').waitFor()
      await picture(page, 'logs-sources')
    })

    assert.deepEqual(complaints, [])
  },
)
