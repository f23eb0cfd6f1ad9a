import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { chromium, type Page } from 'playwright-core'
import { type Running, startBackplane, until } from '../harness/backplane.ts'
import { startLoad } from '../harness/load.ts'
import { CHROMIUM, FLAGS, reasonToSkip } from './browser.ts'

const root = join(import.meta.dirname, '../..')
/** More services than get listeners of their own where nobody says `calls`. */
const SERVICES = 24

/** Answers with what service `s1` says. */
const front = `
import { createServer } from 'node:http'
createServer(async (request, response) => {
  const answer = await fetch(process.env.S1_URL + request.url, { headers: { traceparent: request.headers.traceparent } })
  response.end(await answer.text())
}).listen(process.env.PORT, '127.0.0.1')
`

const configOf = (port: number) => `
name: charts
listen: { default: off, gateway: 0, console: 0 }
services:
  front: { run: node front.mjs }
${Array.from({ length: SERVICES }, (_, at) => `  s${at}: { at: ["127.0.0.1:${port}"] }`).join('\n')}
gateway:
  routes:
    - path: /**
      to: front
      limit: { rate: 1000/s, burst: 1000, by: route }
`

async function startUpstream(): Promise<{ readonly port: number; close(): void }> {
  const upstream = createServer((_request, response) => void response.end('well'))
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  return { port: (upstream.address() as AddressInfo).port, close: () => void upstream.close() }
}

/** Pid of our control process. */
async function controlPid({ ready }: Running): Promise<number> {
  const { supervisor } = ready.pids
  const children = await readFile(`/proc/${supervisor}/task/${supervisor}/children`, 'utf8')
  for (const pid of children.trim().split(/\s+/).map(Number)) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (/\/control\.(ts|js)\0/.test(line)) return pid
  }
  return 0
}

async function textOf(page: Page, testId: string): Promise<string> {
  const found = page.getByTestId(testId).first()
  return ((await found.textContent({ timeout: 2_000 }).catch(() => '')) ?? '').trim()
}

const numberOf = async (page: Page, testId: string): Promise<number> =>
  Number.parseFloat(await textOf(page, testId))

/** What a chart says at each place under the pointer, from the left to the right: its time and its first value. */
async function readChart(page: Page, chart: string, series: string) {
  // The pointer does not reach what is below the window.
  await page.getByTestId(chart).scrollIntoViewIfNeeded()
  const box = await page.getByTestId(chart).locator('.u-over').boundingBox()
  assert.ok(box)
  const read = new Map<string, number>()
  // In the first minute the plot is a minute wide.
  for (let step = 60; step >= 0; step--) {
    const x = box.x + box.width * (1 - step / 60)
    await page.mouse.move(Math.max(box.x + 1, x - 1), box.y + box.height / 2)
    const time = await page.getByTestId(chart).locator('.time').textContent()
    if (time !== null && time !== 'now') read.set(time, await numberOf(page, `${chart}-${series}`))
  }
  return read
}

async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env['SCREENSHOTS']
  if (folder !== undefined)
    await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true })
}

test(
  'charts keep their past over a control plane that was killed; shared listeners are told apart from clients',
  { skip: reasonToSkip() },
  async (t) => {
    execFileSync(process.execPath, [join(root, 'scripts/build-console.ts')], { cwd: root })
    const upstream = await startUpstream()
    t.after(() => upstream.close())
    await using backplane = await startBackplane({
      config: configOf(upstream.port),
      files: { 'front.mjs': front },
    })
    const load = startLoad({ url: `${backplane.gateway}/x`, connections: 2, pauseMs: 40 })
    t.after(() => load.stop())
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS] })
    t.after(() => browser.close())
    const page = await browser.newPage({ viewport: { width: 1360, height: 900 } })
    page.setDefaultTimeout(20_000)
    await page.goto(backplane.admin)

    await t.test('the map shows clients and services apart', async () => {
      await until(async () => (await numberOf(page, 'edge-@shared-s1-rate')) > 5, 'shared calls')
      assert.ok((await numberOf(page, 'edge-gateway-front-rate')) > 5)
      assert.match(await textOf(page, 'shared-note'), /which of them called is not known/)
      const clients = await textOf(page, 'total-rate')
      assert.equal(await page.getByTestId('edge-gateway-s1-rate').count(), 0)
      assert.ok(Number.parseFloat(clients) > 5, clients)
      await picture(page, 'charts-map')
    })

    await t.test(
      'a request tells its policies, its trace and the call that was made for it',
      async () => {
        const answer = await fetch(`${backplane.gateway}/traced`)
        assert.equal(await answer.text(), 'well')
        const id = answer.headers.get('x-request-id') ?? ''
        await page.goto(`${backplane.admin}/#/requests/${id}`)
        await page.getByTestId('record').waitFor()
        assert.match(
          await textOf(page, 'policy-0'),
          /^limit limit route: \d+ of 1000 left at 1000\/s$/,
        )
        assert.match(await textOf(page, 'record-trace'), /^[0-9a-f]{32}(not )?sampled/)
        assert.equal(await textOf(page, 'record-protocol'), 'http/1.1')
        assert.match(
          await textOf(page, 'record-queue'),
          /^(did not wait|waited .+) for a connection$/,
        )
        assert.equal(await textOf(page, 'record-bytes'), '0 B in, 4 B out')
        assert.equal(await textOf(page, 'attempt-0-outcome'), 'answered 200')
        await until(async () => {
          await page.reload()
          return /services \(shared\)s1/.test(await textOf(page, 'trace'))
        }, 'the call that front made for it')
        await picture(page, 'charts-record')
      },
    )

    await t.test(
      'what was drawn before the kill is drawn after it, without a fall to zero',
      async () => {
        await page.goto(`${backplane.admin}/#/services/s1`)
        const seen = await until(async () => {
          const read = await readChart(page, 'chart-requests', 'requests')
          return read.size >= 6 ? read : undefined
        }, 'some seconds of traffic')
        process.kill(await controlPid(backplane), 'SIGKILL')
        await page.getByTestId('connection-banner').waitFor()
        await page.getByTestId('connection-banner').waitFor({ state: 'detached' })
        // A page that is opened now knows only what the server still knows.
        await page.reload()
        await until(
          async () => (await numberOf(page, 'chart-requests-requests')) > 5,
          'a rate again',
        )
        for (const [chart, series] of [
          ['chart-requests', 'requests'],
          ['chart-latency', 'p95'],
          ['chart-callers', 'services (shared)'],
        ] as const) {
          const read = await readChart(page, chart, series)
          const told = `${chart}: ${JSON.stringify([...read])}, before: ${[...seen.keys()].join()}`
          assert.ok([...read.keys()].filter((time) => seen.has(time)).length >= 3, told)
          assert.ok(
            [...read.values()].every((value) => value > 0),
            told,
          )
        }
        await picture(page, 'charts-after-kill')
      },
    )
  },
)
