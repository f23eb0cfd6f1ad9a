import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { chromium } from 'playwright-core'
import type { Picture } from '../../src/contracts/feed.ts'
import type { FakeServer } from './fake-server.ts'
import { startFakeServer } from './fake-server.ts'

/** Debian's. */
export const CHROMIUM = '/usr/bin/chromium'
const ROOT = join(import.meta.dirname, '../..')
/** Of every browser of these tests. */
export const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Why these tests cannot run here, or false. On CI a missing browser is a failure and not a reason. */
export function reasonToSkip(): string | false {
  if (existsSync(CHROMIUM) || process.env['CI'] === 'true') return false
  return `SKIPPED: ${CHROMIUM} is missing; install Debian's chromium (npm run peers)`
}

/** One browser for all tests of a file. */
export interface TestBrowser {
  /** Opens a page on a fake server that shows `picture`; `complaints` collects errors, warnings and policy violations. */
  open(picture: Picture, options?: BrowserContextOptions, address?: string): Promise<OpenPage>
  close(): Promise<void>
}

export interface OpenPage extends AsyncDisposable {
  readonly page: Page
  readonly fake: FakeServer
  readonly complaints: readonly string[]
}

/** Builds the console if it is missing or stale, and starts the browser. */
export async function startBrowser(): Promise<TestBrowser> {
  execFileSync(process.execPath, [join(ROOT, 'scripts/build-console.ts')], { cwd: ROOT })
  const profile = await mkdtemp(join(tmpdir(), 'backplane-console-'))
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: FLAGS,
    env: { ...process.env, HOME: profile },
  })
  return {
    open: async (picture, options = {}, address = '') => {
      const fake = await startFakeServer(join(ROOT, 'dist/console'), picture)
      const context = await browser.newContext({
        viewport: { width: 1280, height: 820 },
        reducedMotion: 'reduce',
        ...options,
      })
      context.setDefaultTimeout(20_000)
      return openPage(fake, context, address)
    },
    close: async () => {
      await browser.close()
      await rm(profile, { recursive: true, force: true })
    },
  }
}

async function openPage(
  fake: FakeServer,
  context: BrowserContext,
  address: string,
): Promise<OpenPage> {
  const complaints: string[] = []
  const page = await context.newPage()
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  await page.addInitScript(
    "document.addEventListener('securitypolicyviolation', (e) => console.error('CSP', e.violatedDirective, e.blockedURI))",
  )
  await page.goto(fake.url + address)
  await page.getByTestId('feed-state').getByText('live').waitFor({ state: 'attached' })
  return {
    page,
    fake,
    complaints,
    [Symbol.asyncDispose]: async () => {
      await context.close()
      await fake.close()
    },
  }
}
