import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runCli, startBackplane, until, type Running } from '../harness/backplane.ts'

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
const config = `
listen: { gateway: 0, console: 0, prometheus: 0, default: off }
services:
  shop: { run: node shop.mjs, metrics: /metrics }
metrics: { scrape: { interval: 1s, timeout: 1s } }
alerts:
  interval: 1s
  files: ['rules/*.yml']
  rules:
    - record: shop:queue_depth
      query: sum by (service) (queue_depth)
    - alert: QueueDeep
      query: shop:queue_depth > 10
      for: 1s
      labels: { severity: page }
      annotations: { summary: '{{ $labels.service }} has {{ $value }} waiting' }
gateway: { routes: [{ path: /**, to: shop }] }
`
const ruleFile = `
groups:
  - name: of-file
    interval: 1s
    rules:
      - alert: QueueNotEmpty
        expr: queue_depth > 0
        keep_firing_for: 1h
`

interface AlertView {
  readonly state: string
  readonly activeAt: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

async function alerts(running: Running): Promise<readonly AlertView[]> {
  const response = await fetch(`http://${running.ready.listen['prometheus']}/api/v1/alerts`)
  const { data } = (await response.json()) as { data: { alerts: AlertView[] } }
  return data.alerts
}

async function find(running: Running, name: string): Promise<AlertView | undefined> {
  return (await alerts(running).catch(() => [])).find(({ labels }) => labels['alertname'] === name)
}

test('rules of the file and of rule files are evaluated; alerts go on when telemetry was killed', async () => {
  await using running = await startBackplane({
    config,
    files: { 'shop.mjs': service, 'rules/shop.yml': ruleFile },
  })
  await fetch(`${running.gateway}/set/20`)
  await until(async () => (await find(running, 'QueueDeep'))?.state === 'firing', 'it fires')
  const before = await find(running, 'QueueDeep')
  assert.equal(before?.annotations['summary'], 'shop has 20 waiting')
  assert.deepEqual(before?.labels, { alertname: 'QueueDeep', service: 'shop', severity: 'page' })
  const kept = await find(running, 'QueueNotEmpty')
  assert.equal(kept?.state, 'firing')

  const { pids } = running.ready as unknown as { pids: Record<string, number> }
  await fetch(`${running.gateway}/set/0`)
  await until(async () => (await find(running, 'QueueDeep')) === undefined, 'it resolves')
  process.kill(pids['telemetry'] ?? 0, 'SIGKILL')
  await until(async () => (await find(running, 'QueueNotEmpty')) !== undefined, 'it is held')
  // A firing alert is as old as it was: stored to the second.
  const after = await find(running, 'QueueNotEmpty')
  assert.equal(after?.activeAt.slice(0, 19), kept?.activeAt.slice(0, 19))

  // A reload with wrong rules is refused, and what was in force stays.
  await running.configure(config.replace('shop:queue_depth > 10', 'shop:queue_depth >'))
  await until(() => running.output().includes('alerts.rules[1]'), 'the refusal')
  const { data } = (await (
    await fetch(`http://${running.ready.listen['prometheus']}/api/v1/rules`)
  ).json()) as { data: { groups: { name: string; rules: object[] }[] } }
  assert.deepEqual(
    data.groups.map(({ name, rules }) => [name, rules.length]),
    [
      ['alerts', 2],
      ['of-file', 1],
    ],
  )
})

test('backplane check reads rules and rule files as they will be read', async () => {
  await using running = await startBackplane({
    config,
    files: {
      'shop.mjs': service,
      'rules/shop.yml': ruleFile.replace('queue_depth > 0', 'queue_depth >'),
    },
  })
  const { code, stderr } = await runCli(['check'], running.folder)
  assert.equal(code, 1)
  assert.match(stderr, /rules\/shop\.yml:6:9: group "of-file", rule 1, "QueueNotEmpty"/)
  // Everything else runs.
  const status = (await (await fetch(`${running.admin}/api/v1/status`)).json()) as object
  assert.match(JSON.stringify(status), /ERR_ALERTS_RULES/)
})
