import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { chromium, type Page } from 'playwright-core'
import { startBackplane, until } from '../harness/backplane.ts'
import { CHROMIUM, FLAGS, reasonToSkip } from './browser.ts'

const root = join(import.meta.dirname, '../..')

/** Keeps a picture where a person can look at it: SCREENSHOTS=folder. */
async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env['SCREENSHOTS']
  if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`) })
}

test(
  'keys are browsed, made, changed by compare-and-set and deleted; sessions are seen and ended',
  { skip: reasonToSkip() },
  async (t) => {
    execFileSync(process.execPath, [join(root, 'scripts/build-console.ts')], { cwd: root })
    await using backplane = await startBackplane({
      config: 'listen: { default: off, gateway: 0, console: 0, consul: 0 }\n',
    })
    const consul = `http://${backplane.ready.listen['consul']}`
    const put = async (path: string, body: string) =>
      (await fetch(`${consul}${path}`, { method: 'PUT', body })).text()
    await put('/v1/kv/app/config', '{"level": "info"}')
    await put('/v1/kv/app/limits/rate', '100')
    const { ID } = JSON.parse(await put('/v1/session/create', '{"Name":"worker","TTL":"30s"}')) as {
      ID: string
    }
    await put(`/v1/kv/app/leader?acquire=${ID}`, 'worker-1')

    const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
    t.after(() => browser.close())
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
    page.setDefaultTimeout(20_000)
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(error.message))

    await t.test('folders, keys and who holds them', async () => {
      await page.goto(`${backplane.admin}/#/keys`)
      await page.getByRole('link', { name: 'app/', exact: true }).click()
      await page
        .getByTestId('key-app/leader')
        .getByText(/held by/)
        .waitFor()
      await page.getByText('limits/').waitFor()
      await page.getByTestId(`session-${ID}`).getByText('app/leader').waitFor()
      await picture(page, 'keys')
    })

    await t.test(
      'a value is changed, and a change of somebody else is not overwritten',
      async () => {
        await page.getByRole('link', { name: 'config', exact: true }).click()
        const value = page.getByTestId('key-value')
        assert.equal(await value.inputValue(), '{"level": "info"}')
        await value.fill('{"level": "debug"}')
        await page.getByTestId('key-save').click()
        await page.getByText('Saved app/config').waitFor()
        assert.equal(
          await (await fetch(`${consul}/v1/kv/app/config?raw`)).text(),
          '{"level": "debug"}',
        )
        await put('/v1/kv/app/config', 'by somebody else')
        await value.fill('mine')
        await page.getByTestId('key-save').click()
        await page.getByText('ERR_KV_CHANGED').waitFor()
        await picture(page, 'keys-conflict')
        await page.getByTestId('key-read').click()
        await until(async () => (await value.inputValue()) === 'by somebody else', 'their value')
      },
    )

    await t.test('a key is made and deleted', async () => {
      await page.getByTestId('key-name').fill('new/one')
      await page.getByTestId('key-open').click()
      await page.getByText('not there yet').waitFor()
      await page.getByTestId('key-value').fill('hello')
      await page.getByTestId('key-save').click()
      await page.getByText('Saved app/new/one').waitFor()
      await page.getByTestId('key-delete').click()
      await page.getByTestId('dialog-confirm').click()
      await page.getByText('Deleted app/new/one').waitFor()
      assert.equal((await fetch(`${consul}/v1/kv/app/new/one`)).status, 404)
    })

    await t.test('a session is ended', async () => {
      await page.getByTestId(`session-${ID}`).getByRole('button').click()
      await picture(page, 'keys-end-session')
      await page.getByTestId('dialog-confirm').click()
      await page.getByText('nobody holds a lock').waitFor()
      const [entry] = (await (await fetch(`${consul}/v1/kv/app/leader`)).json()) as {
        Session?: string
      }[]
      assert.equal(entry?.Session, undefined)
    })
    await page.setViewportSize({ width: 420, height: 800 })
    await page.goto(`${backplane.admin}/#/keys/app%2Fconfig`)
    await page.getByTestId('key-value').waitFor()
    await picture(page, 'keys-narrow')
    assert.deepEqual(complaints, [])
  },
)
