/**
 * The issuer over its durable store: client credentials, refresh with rotation, introspection. `node bench/identity.ts [SECONDS]`. The issuer is a process of its
 * own with SQLite on a disk; clients are in this one, 32 requests at a time. CPU is user and system time of all threads of the issuer's process, so
 * "a core" is what one core of its own would give. Prints a Markdown table for BENCHMARKS.md.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as client from 'openid-client'
import { TestBrowser } from '../src/capabilities/identity/testing/browser.ts'
import { startTestIssuer, testClient } from '../src/capabilities/identity/testing/house.ts'
import {
  authorize,
  BACK,
  discover,
  PASSWORD,
} from '../src/capabilities/identity/testing/sign-in.ts'

const CONCURRENCY = 32
const seconds = Number(process.argv[2] ?? 5)

if (process.send === undefined) await measure()
else await serve()

/** The issuer's process: says where it is, and on request what it has used of CPU. */
async function serve(): Promise<void> {
  const folder = process.argv[3] ?? ''
  const issuer = await startTestIssuer(
    { after: () => {} },
    {
      clients: [
        testClient('nightly', { secret: 'secret of nightly', scopes: ['orders:read'] }),
        testClient('spa', {
          redirectUris: [BACK],
          grants: ['authorization_code', 'refresh_token'],
          scopes: ['orders:read'],
        }),
      ],
    },
    { folder },
  )
  await issuer.house.accounts.add({ login: 'ada@example.com', password: PASSWORD })
  process.on('message', () => process.send?.(process.cpuUsage()))
  process.on('disconnect', () => process.exit(0))
  process.send?.(issuer.issuer)
}

interface Row {
  readonly what: string
  readonly bar: number
  readonly perSecond: number
  readonly cpuUs: number
}

async function measure(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-bench-identity-'))
  const child = fork(fileURLToPath(import.meta.url), [String(seconds), folder])
  try {
    const [issuer] = (await once(child, 'message')) as [string]
    const cpuUs = async () => {
      const answered = once(child, 'message')
      child.send('cpu')
      const [{ user, system }] = (await answered) as [NodeJS.CpuUsage]
      return user + system
    }
    const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY })
    const post = poster(issuer, agent)
    const basic = `Basic ${Buffer.from('nightly:secret+of+nightly').toString('base64')}`
    const rows: Row[] = []
    const run = async (what: string, bar: number, one: (worker: number) => Promise<void>) => {
      await load(1, one)
      const before = await cpuUs()
      const { count, elapsedMs } = await load(seconds, one)
      const used = (await cpuUs()) - before
      rows.push({ what, bar, perSecond: (count / elapsedMs) * 1_000, cpuUs: used / count })
    }
    await run('client_credentials, ES256', 1_500, async () => {
      const body = 'grant_type=client_credentials&scope=orders:read'
      await post('/token', body, basic)
    })
    const config = await discover({ issuer }, 'spa')
    const families = await Promise.all(
      Array.from({ length: CONCURRENCY }, async () => refreshTokenOf(config)),
    )
    await run('refresh with rotation', 1_000, async (worker) => {
      const token = families[worker] ?? ''
      const body = `grant_type=refresh_token&client_id=spa&refresh_token=${token}`
      const { refresh_token: next } = JSON.parse(await post('/token', body, '')) as {
        refresh_token: string
      }
      families[worker] = next
    })
    await run('introspection of a refresh token', 10_000, async (worker) => {
      await post('/token/introspection', `token=${families[worker]}`, basic)
    })
    print(rows)
    agent.destroy()
  } finally {
    child.disconnect()
    await once(child, 'exit')
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function refreshTokenOf(config: client.Configuration): Promise<string> {
  const { tokens } = await authorize(config, new TestBrowser(), { scope: 'openid orders:read' })
  return tokens.refresh_token ?? ''
}

/** Every worker sends its next request when the last one was answered. */
async function load(forSeconds: number, one: (worker: number) => Promise<void>) {
  const from = performance.now()
  let count = 0
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async (_, worker) => {
      while (performance.now() - from < forSeconds * 1_000) {
        await one(worker)
        count++
      }
    }),
  )
  return { count, elapsedMs: performance.now() - from }
}

function poster(issuer: string, agent: Agent) {
  return (path: string, body: string, authorization: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const sent = request(
        `${issuer}${path}`,
        {
          method: 'POST',
          agent,
          headers: {
            'content-type': 'application/x-www-form-urlencoded',
            'content-length': Buffer.byteLength(body),
            ...(authorization === '' ? {} : { authorization }),
          },
        },
        (response) => {
          let text = ''
          response.setEncoding('utf8')
          response.on('data', (chunk: string) => (text += chunk))
          response.on('end', () =>
            response.statusCode === 200 ? resolve(text) : reject(new Error(text)),
          )
        },
      )
      sent.on('error', reject)
      sent.end(body)
    })
}

function print(rows: readonly Row[]): void {
  const figure = (value: number) => Math.round(value).toLocaleString('en')
  const lines = rows.map(
    ({ what, bar, perSecond, cpuUs }) =>
      `| ${what} | ${figure(perSecond)} | ${figure(cpuUs)} | ${figure(1_000_000 / cpuUs)} | ${figure(bar)} |`,
  )
  process.stdout.write(
    [
      '| what | a second | CPU us each | a second on one core | bar |',
      '| --- | --- | --- | --- | --- |',
      ...lines,
      '',
    ].join('\n'),
  )
}
