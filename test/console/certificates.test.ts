import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { chromium, type Page } from 'playwright-core'
import { startBackplane, until } from '../harness/backplane.ts'
import { CHROMIUM, FLAGS, reasonToSkip } from './browser.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../..')

/** Keeps a picture where a person can look at it: SCREENSHOTS=folder. */
async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env['SCREENSHOTS']
  if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`) })
}

async function makePair(folder: string, name: string, host: string, days: number): Promise<void> {
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const files = ['-keyout', `${name}.key`, '-out', `${name}.crt`, '-days', String(days)]
  const subject = ['-subj', `/O=Shop/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`]
  await run('openssl', ['req', '-x509', ...kind, ...files, ...subject], { cwd: folder })
}

/** An authority that is of no use, and counts how often it was asked. */
async function startUseless(
  t: TestContext,
  folder: string,
): Promise<{ url: string; asked: () => number }> {
  await makePair(folder, 'localhost', 'localhost', 30)
  const { readFile } = await import('node:fs/promises')
  const [cert, key] = await Promise.all(
    ['localhost.crt', 'localhost.key'].map((name) => readFile(join(folder, name))),
  )
  let count = 0
  const server: Server = createServer({ cert, key }, (_request, response) => {
    count++
    response.writeHead(503, { 'content-type': 'application/problem+json' })
    response.end(JSON.stringify({ detail: 'closed for repairs' }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { url: `https://localhost:${port}/dir`, asked: () => count }
}

test(
  'the page of certificates: hosts, ends, issuers, sources, what failed, and what is tried again',
  { skip: reasonToSkip() },
  async (t) => {
    execFileSync(process.execPath, [join(root, 'scripts/build-console.ts')], { cwd: root })
    const folder = await mkdtemp(join(tmpdir(), 'backplane-console-certificates-'))
    t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }))
    await makePair(folder, 'long', 'long.example', 300)
    await makePair(folder, 'short', 'short.example', 10)
    await writeFile(join(folder, 'soon.crt'), '')
    const useless = await startUseless(t, folder)
    const certificate = (name: string) => `{ certificate: ${name}.crt, key: ${name}.key }`
    await using backplane = await startBackplane({
      folder,
      keepFolder: true,
      config: `
name: certificates
listen: { default: off, gateway: 0, gateway-tls: 0, console: 0 }
gateway: { routes: [{ path: /**, respond: { status: 200, body: ok } }] }
tls:
  local: true
  certificates: [${certificate('long')}, ${certificate('short')}]
  acme: { agree: true, directory: "${useless.url}", ca: localhost.crt, hosts: [shop.example.com] }
`,
    })
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
    t.after(() => browser.close())
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
    page.setDefaultTimeout(20_000)
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(error.message))

    await page.goto(backplane.admin)
    await page.getByRole('link', { name: 'Settings', exact: true }).click()
    await page.getByRole('link', { name: 'Certificates', exact: true }).click()
    await page.getByTestId('certificates-summary').getByText('3 certificates').waitFor()
    const text = (id: string) => page.getByTestId(id).innerText()
    assert.match(await text('certificate-long.example-ends'), /29\d days/)
    assert.match(await text('certificate-short.example-ends'), /9 days/)
    assert.match(await text('certificate-long.example'), /for clients that name no host/)
    assert.match(await text('certificate-long.example'), /CN=long\.example, O=Shop/)
    assert.match(await text('certificate-localhost'), /our own authority/)
    assert.match(await text('trust-command'), /update-ca-certificates/)
    await page.getByTestId('issuing-shop.example.com-state').getByText('failed 1 time').waitFor()
    assert.match(await text('issuing-shop.example.com'), /closed for repairs/)
    assert.match(await text('issuing-shop.example.com'), /ERR_CERTIFICATE_ACME_UNREACHABLE/)
    assert.match(await text('issuing-shop.example.com-next'), /tried in [12] min/)
    await picture(page, 'certificates')

    const before = useless.asked()
    await page.getByRole('button', { name: 'Try now' }).click()
    await page.getByText('The authority is asked for shop.example.com').waitFor()
    await until(() => useless.asked() > before, 'the authority is asked')
    await page.getByTestId('issuing-shop.example.com-state').getByText('failed 2 times').waitFor()

    await writeFile(join(folder, 'short.crt'), 'broken')
    await page
      .getByTestId('certificate-faults')
      .getByText(/short\.crt/)
      .waitFor()
    await page.getByTestId('certificate-faults').getByText('stays in service').waitFor()
    await page.getByTestId('certificate-short.example').waitFor()
    await picture(page, 'certificates-fault')
    await page.setViewportSize({ width: 420, height: 900 })
    await picture(page, 'certificates-narrow')
    assert.deepEqual(complaints, [])
  },
)
