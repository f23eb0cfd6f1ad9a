import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { startBackplane, until } from '../harness/backplane.ts'
import { findInstalled } from './harness/clients.ts'
import { startProgram } from './harness/programs.ts'

interface ActiveTarget {
  readonly scrapePool: string
  readonly scrapeUrl: string
  readonly health: string
  readonly labels: Readonly<Record<string, string>>
}

test('Prometheus finds and scrapes what is registered by http_sd', async (t) => {
  const prometheus = findInstalled(t, '/usr/bin/prometheus', 'prometheus')
  if (prometheus === undefined) return
  const scraped = createServer((_request, response) => response.end('up_and_running 1\n'))
  scraped.listen(0, '127.0.0.1')
  await once(scraped, 'listening')
  t.after(() => {
    scraped.closeAllConnections()
    scraped.close()
  })
  const { port } = scraped.address() as AddressInfo
  const running = await startBackplane({
    config: 'listen: { default: off, gateway: 0, console: 0, consul: 0 }\n',
  })
  t.after(() => running.stop())
  const consul = running.ready.listen['consul'] ?? ''
  const config = join(running.folder, 'prometheus.yml')
  const relabel = (meta: string) =>
    `[{ source_labels: [${meta}], regex: web, action: keep }, { source_labels: [${meta}], target_label: service }]`
  await writeFile(
    config,
    `
global: { scrape_interval: 1s }
scrape_configs:
  - job_name: by-http
    http_sd_configs: [{ url: "${running.admin}/api/v1/prometheus/targets", refresh_interval: 1s }]
    relabel_configs: ${relabel('__meta_backplane_service')}
`,
  )
  const free = createServer().listen(0, '127.0.0.1')
  await once(free, 'listening')
  const web = (free.address() as AddressInfo).port
  free.close()
  await once(free, 'close')
  const started = startProgram(t, prometheus, {
    args: [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(running.folder, 'prometheus')}`,
      `--web.listen-address=127.0.0.1:${web}`,
    ],
  })
  const targets = async (): Promise<readonly ActiveTarget[]> => {
    try {
      const answer = await fetch(`http://127.0.0.1:${web}/api/v1/targets?state=active`)
      const { data } = (await answer.json()) as { data: { activeTargets: ActiveTarget[] } }
      return data.activeTargets
    } catch {
      return []
    }
  }
  const put = (path: string, body?: object) =>
    fetch(`http://${consul}/v1/agent/service/${path}`, {
      method: 'PUT',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  assert.equal((await put('register', { Name: 'web', Port: port })).status, 200)
  await until(
    async () => {
      const found = await targets()
      if (found.length === 0 && started.stderr().includes('level=error')) {
        throw new Error(started.stderr())
      }
      return found.length === 1 && found.every(({ health }) => health === 'up')
    },
    'a target that is up',
    30_000,
  )
  for (const { scrapePool, scrapeUrl, labels } of await targets()) {
    assert.equal(scrapeUrl, `http://127.0.0.1:${port}/metrics`)
    assert.equal(labels['service'], 'web', scrapePool)
  }
  await put('deregister/web')
  await until(async () => (await targets()).length === 0, 'no target', 60_000)
})
