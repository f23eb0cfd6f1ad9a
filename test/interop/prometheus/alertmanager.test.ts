import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startBackplane, until } from '../../harness/backplane.ts'
import { startWebhook } from '../../e2e/alert-receivers.ts'

const program = '/usr/bin/prometheus-alertmanager'

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Debian's Alertmanager, which tells a webhook of everything. */
async function startAlertmanager(hookPort: number) {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-alertmanager-'))
  const file = join(folder, 'alertmanager.yml')
  writeFileSync(
    file,
    `
route: { receiver: hook, group_by: [alertname, service], group_wait: 0s, group_interval: 1s, repeat_interval: 1h }
receivers: [{ name: hook, webhook_configs: [{ url: 'http://127.0.0.1:${hookPort}/', send_resolved: true }] }]
`,
  )
  const port = await freePort()
  const child = spawn(
    program,
    [
      `--config.file=${file}`,
      `--storage.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--cluster.listen-address=',
    ],
    { stdio: 'ignore' },
  )
  const url = `http://127.0.0.1:${port}`
  await until(
    async () => (await fetch(`${url}/-/ready`).catch(() => ({ ok: false }))).ok,
    'Alertmanager',
  )
  return {
    url,
    async [Symbol.asyncDispose]() {
      child.kill()
      await once(child, 'exit')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

interface Body {
  readonly status: string
  readonly receiver: string
  readonly alerts: readonly {
    readonly labels: Readonly<Record<string, string>>
    readonly startsAt: string
    readonly fingerprint: string
  }[]
}

test(
  'a real Alertmanager learns of alerts and of their end, and its webhook has the same shape and fingerprints as ours',
  { skip: existsSync(program) ? false : 'no Alertmanager here' },
  async () => {
    await using theirs = await startWebhook()
    await using ours = await startWebhook()
    await using alertmanager = await startAlertmanager(theirs.port)
    await using running = await startBackplane({
      config: `
listen: { gateway: 0, console: 0, default: off }
metrics: { scrape: { interval: 1s, timeout: 1s } }
alerts:
  interval: 1s
  alertmanagers: [{ url: '${alertmanager.url}/' }]
  receivers: { hook: { webhook: { url: 'http://127.0.0.1:${ours.port}/' } } }
  route: { groupWait: 0s, groupInterval: 1s }
  rules: [{ alert: Always, query: 'vector(1)', labels: { service: shop, a: "ä\\"b" }, annotations: { summary: here } }]
`,
    })
    const firing = (received: typeof ours.received) =>
      received.map(({ body }) => body as Body).find(({ status }) => status === 'firing')
    await until(
      () => firing(theirs.received) !== undefined && firing(ours.received) !== undefined,
      'both webhooks',
    )
    const [one, other] = [firing(theirs.received), firing(ours.received)]
    assert.deepEqual(Object.keys(one ?? {}).toSorted(), Object.keys(other ?? {}).toSorted())
    const plain = (body: Body | undefined) => {
      const {
        groupKey: _,
        externalURL: _url,
        ...rest
      } = (body ?? {}) as Body & {
        groupKey: string
        externalURL: string
      }
      // Go leaves out zeros at the end of a second's fraction.
      const alerts = rest.alerts.map((alert) => ({
        ...alert,
        startsAt: Date.parse(alert.startsAt),
      }))
      return { ...rest, alerts }
    }
    assert.deepEqual(plain(one), plain(other))

    await running.configure(`
listen: { gateway: 0, console: 0, default: off }
metrics: { scrape: { interval: 1s, timeout: 1s } }
alerts:
  interval: 1s
  alertmanagers: [{ url: '${alertmanager.url}/' }]
  receivers: { hook: { webhook: { url: 'http://127.0.0.1:${ours.port}/' } } }
  route: { groupWait: 0s, groupInterval: 1s }
  rules: [{ alert: Always, query: 'vector(1) > 1', labels: { service: shop, a: "ä\\"b" }, annotations: { summary: here } }]
`)
    const resolved = (received: typeof ours.received) =>
      received.some(({ body }) => (body as Body).status === 'resolved')
    await until(() => resolved(theirs.received) && resolved(ours.received), 'the end')
  },
)
