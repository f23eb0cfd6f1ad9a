import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startBackplane, until, type Running } from '../harness/backplane.ts'
import { type Received, startSmtp, startWebhook, type WebhookDouble } from './alert-receivers.ts'

const service = `
import { createServer } from 'node:http'
let depth = 0
createServer((request, response) => {
  const set = /^\\/set\\/(\\d+)$/.exec(request.url)
  if (set !== null) depth = Number(set[1])
  const text = \`# TYPE queue_depth gauge\\nqueue_depth \${depth}\\n\`
  response.setHeader('content-type', 'text/plain; version=0.0.4').end(text)
}).listen(process.env.PORT)
`

function config(alerts: string): string {
  return `
listen: { gateway: 0, console: 0, prometheus: 0, default: off }
services:
  shop: { run: node shop.mjs, metrics: /metrics }
metrics: { scrape: { interval: 1s, timeout: 1s } }
alerts:
  interval: 1s
  url: https://console.example
  rules:
    - alert: QueueDeep
      query: queue_depth > 10
      labels: { severity: page }
      annotations: { summary: '{{ $labels.service }} has {{ $value }} waiting' }
    - alert: QueueNotEmpty
      query: queue_depth > 0
      labels: { severity: ticket }
${alerts.replaceAll(/^/gm, '  ')}
gateway: { routes: [{ path: /**, to: shop }] }
`
}

interface WebhookBody {
  readonly version: string
  readonly status: string
  readonly receiver: string
  readonly externalURL: string
  readonly commonLabels: Readonly<Record<string, string>>
  readonly alerts: readonly {
    readonly status: string
    readonly labels: Readonly<Record<string, string>>
    readonly annotations: Readonly<Record<string, string>>
    readonly startsAt: string
    readonly endsAt: string
    readonly fingerprint: string
    readonly generatorURL: string
  }[]
}

function bodies({ received }: WebhookDouble): readonly WebhookBody[] {
  return received.map(({ body }) => body as WebhookBody)
}

function has(double: WebhookDouble, status: string, name: string): boolean {
  return bodies(double).some(
    (body) =>
      body.status === status && body.alerts.some(({ labels }) => labels['alertname'] === name),
  )
}

async function ask(running: Running, path: string, init: RequestInit = {}): Promise<unknown> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(`${running.admin}/api/v1/alerts${path}`, { headers, ...init })
  return response.json()
}

const times = 'groupWait: 0s, groupInterval: 1s, repeatInterval: 1h'

/** A silence outlives a kill; the end of what was told is told. */
async function silenceOverKill(running: Running, hook: WebhookDouble): Promise<void> {
  const endsAtMs = Date.now() + 3_600_000
  const asked = {
    matchers: ['alertname="QueueNotEmpty"'],
    endsAtMs,
    createdBy: 'me',
    comment: 'known',
  }
  const made = (await ask(running, '/silences', {
    method: 'POST',
    body: JSON.stringify(asked),
  })) as { id: string; state: string }
  assert.equal(made.state, 'active')
  const { pids } = running.ready as unknown as { pids: Record<string, number> }
  process.kill(pids['telemetry'] ?? 0, 'SIGKILL')
  await fetch(`${running.gateway}/set/5`)
  await until(() => has(hook, 'resolved', 'QueueDeep'), 'the end')
  await until(async () => {
    const { alerts: now } = (await ask(running, '').catch(() => ({ alerts: [] }))) as {
      alerts?: { silencedBy: string[] }[]
    }
    return now?.some(({ silencedBy }) => silencedBy.includes(made.id)) === true
  }, 'the silence is kept')
  assert.ok(!has(hook, 'firing', 'QueueNotEmpty'))
  await fetch(`${running.admin}/api/v1/alerts/silences/${made.id}`, { method: 'DELETE' })
  await until(() => has(hook, 'firing', 'QueueNotEmpty'), 'it is told when the silence is over')
  const refused = await ask(running, '/silences', {
    method: 'POST',
    body: JSON.stringify({ ...asked, matchers: ['alertname=~".*"'] }),
  })
  assert.match(JSON.stringify(refused), /ERR_ALERTS_SILENCE/)
}

test('alerts are told by webhook, Slack and mail, with their end; inhibition and silences keep some back', async () => {
  await using hook = await startWebhook()
  await using slack = await startWebhook()
  await using smtp = await startSmtp()
  await using running = await startBackplane({
    config: config(`
receivers:
  pages:
    webhook: { url: 'http://127.0.0.1:${hook.port}/hook?secret=s3cret', headers: { X-Key: { env: HOOK_KEY } } }
    email: { to: [ops@example.com] }
  chat: { slack: { url: 'http://127.0.0.1:${slack.port}/T0/B0/token', channel: '#ops' } }
smtp: { host: 127.0.0.1, port: ${smtp.port}, from: alerts@example.com, username: me, password: pa55word, tls: off }
route: { receiver: pages, ${times}, routes: [{ match: [severity="page"], receiver: chat, continue: true }, { receiver: pages }] }
inhibit: [{ source: [severity="page"], target: [severity="ticket"], equal: [service] }]
`),
    files: { 'shop.mjs': service },
    env: { HOOK_KEY: 'k3y' },
  })
  await fetch(`${running.gateway}/set/20`)
  await until(() => has(hook, 'firing', 'QueueDeep'), 'the webhook')
  const [first] = bodies(hook)
  assert.equal(first?.version, '4')
  assert.equal(first?.receiver, 'pages')
  assert.equal(first?.externalURL, 'https://console.example')
  const [alert] = first?.alerts ?? []
  assert.equal(alert?.annotations['summary'], 'shop has 20 waiting')
  assert.equal(alert?.endsAt, '0001-01-01T00:00:00Z')
  assert.match(alert?.fingerprint ?? '', /^[0-9a-f]{16}$/)
  assert.equal(hook.received[0]?.headers['x-key'], 'k3y')
  await until(() => smtp.mails.length > 0 && slack.received.length > 0, 'mail and Slack')
  assert.deepEqual(smtp.logins[0], 'PLAIN |me|pa55word')
  assert.match(smtp.mails[0] ?? '', /^Subject: \[FIRING:1\] QueueDeep shop$/m)
  assert.match(smtp.mails[0] ?? '', /shop has 20 waiting/)
  const [{ body: slackBody } = {} as Received] = slack.received
  assert.match(JSON.stringify(slackBody), /"channel":"#ops".*"color":"danger"/)
  // The page inhibits the ticket.
  assert.ok(!has(hook, 'firing', 'QueueNotEmpty'))
  const { alerts } = (await ask(running, '')) as {
    alerts: { labels: Record<string, string>; inhibitedBy: string }[]
  }
  const ticket = alerts.find(({ labels }) => labels['alertname'] === 'QueueNotEmpty')
  assert.equal(ticket?.inhibitedBy, alert?.fingerprint)

  await silenceOverKill(running, hook)

  // Secrets are nowhere.
  const kept = readFileSync(join(running.folder, '.backplane/alerts/state.json'), 'utf8')
  for (const text of [running.output(), kept, JSON.stringify(await ask(running, '/deliveries'))]) {
    for (const secret of ['s3cret', 'k3y', 'pa55word', '/T0/B0/token']) {
      assert.ok(!text.includes(secret), secret)
    }
  }
})

test('what cannot be delivered waits, over a kill too, and is delivered when the receiver is back; what is refused is given up', async () => {
  const place = await startWebhook()
  const { port } = place
  place.status = 500
  await using running = await startBackplane({
    config: config(`
receivers: { pages: { webhook: { url: 'http://127.0.0.1:${port}/' } } }
route: { ${times}, routes: [{ match: [alertname="QueueDeep"] }, { match: [alertname="QueueNotEmpty"], repeatInterval: 1h }] }
`),
    files: { 'shop.mjs': service },
  })
  await fetch(`${running.gateway}/set/20`)
  await until(() => has(place, 'firing', 'QueueDeep'), 'the first attempt')
  await place[Symbol.asyncDispose]()
  const { pids } = running.ready as unknown as { pids: Record<string, number> }
  process.kill(pids['telemetry'] ?? 0, 'SIGKILL')
  // It is over before the receiver is back: both are told, in this order.
  await fetch(`${running.gateway}/set/0`)
  await until(async () => {
    const { waiting } = (await ask(running, '/deliveries').catch(() => ({}))) as {
      waiting?: { status: string }[]
    }
    return (waiting ?? []).filter(({ status }) => status === 'resolved').length > 0
  }, 'the end waits')
  await using again = await startWebhook(port)
  await until(() => has(again, 'resolved', 'QueueDeep'), 'the end is delivered')
  const order = bodies(again)
    .filter(({ alerts }) => alerts.some(({ labels }) => labels['alertname'] === 'QueueDeep'))
    .map(({ status }) => status)
  assert.deepEqual(order, ['firing', 'resolved'])
  const { done } = (await ask(running, '/deliveries')) as {
    done: { outcome: string; attempts: number }[]
  }
  assert.ok(done.some(({ outcome, attempts }) => outcome === 'delivered' && attempts > 1))

  again.status = 404
  await fetch(`${running.gateway}/set/20`)
  await until(async () => {
    const { done: lines } = (await ask(running, '/deliveries')) as {
      done: { outcome: string; error: string }[]
    }
    return lines.some(({ outcome, error }) => outcome === 'given-up' && error.includes('404'))
  }, 'it is given up')
  // The receiver was repaired: what still fires is told again.
  again.status = 200
  const before = again.received.length
  await until(
    () =>
      bodies(again)
        .slice(before)
        .some(({ status }) => status === 'firing'),
    'told again',
  )
})
