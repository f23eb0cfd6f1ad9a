import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { chromium, type Page } from 'playwright-core'
import type { TimelinePage } from '../../src/contracts/timeline.ts'
import { runCli, startBackplane, until } from '../harness/backplane.ts'
import { CHROMIUM, FLAGS, reasonToSkip } from './browser.ts'

const root = join(import.meta.dirname, '../..')

/** Keeps a picture where a person can look at it: SCREENSHOTS=folder. */
async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env['SCREENSHOTS']
  if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`) })
}

const program = `const http = require('http'); console.log('serving'); http.createServer((q, r) => { if (q.url === '/crash') { console.error('the last words of', process.pid); process.exit(7) } r.end('ok') }).listen(process.env.PORT)`
const file = (instances: number) => `services:
  shop: { run: [node, -e, ${JSON.stringify(program)}], instances: ${instances}, stop: { drain: 0s } }
gateway: { routes: [{ path: /**, to: shop }] }
listen: { default: off, gateway: 0, console: 0 }
`

test(
  'what happens is told as it happens, stays over a restart of control, and is found by service and kind',
  { skip: reasonToSkip() },
  async (t) => {
    execFileSync(process.execPath, [join(root, 'scripts/build-console.ts')], { cwd: root })
    await using backplane = await startBackplane({ config: file(1) })
    const read = async (query = '') =>
      (await (
        await fetch(`${backplane.admin}/api/v1/timeline?limit=200${query}`)
      ).json()) as TimelinePage
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
    t.after(() => browser.close())
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
    page.setDefaultTimeout(20_000)
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(error.message))
    const list = page.getByTestId('timeline')

    await t.test('a crash is there by itself, with the last lines of its output', async () => {
      await page.goto(`${backplane.admin}/#/timeline`)
      await list.getByText('shop-1 started as pid').waitFor()
      await fetch(`${backplane.gateway}/crash`).catch(() => {})
      await list.getByText('shop-1 crashed: exit code 7').click()
      await list.getByText('the last words of').first().waitFor()
      await list.getByText('started again (start 2)').waitFor()
      await picture(page, 'timeline')
    })

    await t.test('operators, and the file', async () => {
      await runCli(['scale', 'shop', '2'], backplane.folder)
      await list.getByText('scaled to 2 by an operator').waitFor()
      await list.getByText('shop-2 is healthy').waitFor()
      await backplane.configure(file(3))
      backplane.child.kill('SIGHUP')
      await list
        .getByText(/The configuration was applied: service shop \(instances\) changed/)
        .waitFor()
      await backplane.configure('services: [')
      backplane.child.kill('SIGHUP')
      await list.getByText('The configuration was not applied').waitFor()
    })

    await t.test('by kind and service, in the address', async () => {
      await page.getByTestId('timeline-kind').selectOption('crash')
      await page.waitForURL(/#\/timeline\/-\/crash$/)
      await until(async () => (await list.locator('li').count()) === 1, 'the crash alone')
      await page.getByTestId('timeline-service').selectOption('shop')
      await page.waitForURL(/#\/timeline\/shop\/crash$/)
      await page.goBack()
      await page.waitForURL(/#\/timeline\/-\/crash$/)
      await page.goto(`${backplane.admin}/#/services/shop`)
      await page.getByRole('heading', { name: 'What happened' }).waitFor()
      await list.getByText('crashed: exit code 7').waitFor()
    })

    await t.test('a restart of control forgets nothing and tells nothing twice', async () => {
      await until(async () => {
        const { events } = await read()
        return events.some(({ text }) => text.startsWith('The configuration was not'))
      }, 'all events')
      await until(async () => {
        const stored = await read()
        await new Promise((resolve) => setTimeout(resolve, 700))
        return (await read()).last === stored.last
      }, 'quiet')
      const before = await read()
      await backplane.configure(file(3))
      process.kill(backplane.ready.pids.control, 'SIGKILL')
      const after = await until(async () => {
        const now = await read().catch(() => before)
        return now.events.filter(({ kind }) => kind === 'system').length === 2 ? now : undefined
      }, 'the next control plane')
      const texts = (of: TimelinePage, kind: string) =>
        of.events.filter((event) => event.kind === kind).map(({ seq, text }) => `${seq} ${text}`)
      for (const kind of ['start', 'crash', 'operator']) {
        assert.deepEqual(texts(after, kind), texts(before, kind))
      }
    })

    await t.test('a phone', async () => {
      await page.setViewportSize({ width: 400, height: 800 })
      await page.goto(`${backplane.admin}/#/timeline`)
      await list.getByText('crashed: exit code 7').waitFor()
      const overflow = Number(
        await page.evaluate('document.documentElement.scrollWidth - window.innerWidth'),
      )
      assert.ok(overflow <= 0, `${overflow} px too wide`)
      await picture(page, 'timeline-narrow')
      assert.deepEqual(complaints, [])
    })
  },
)
