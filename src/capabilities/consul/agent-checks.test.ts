import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serveAgent } from './testing/agent.ts'

const ok = '200 '

test('checks over UDP and HTTP/2, of units and of containers are taken over', async (t) => {
  const { put, discovery } = await serveAgent(t, { allowScripts: true })
  const Checks = [
    { UDP: '10.0.0.5:53', Interval: '5s' },
    { H2PING: '10.0.0.5:443', TLSSkipVerify: true, Interval: '5s' },
    { h2ping: '10.0.0.5:80', h2ping_use_tls: false, Interval: '5s' },
    { os_service: 'nginx.service', Interval: '5s' },
    { DockerContainerID: 'web-1', Shell: '/bin/bash', Args: ['/check.sh'], Interval: '5s' },
  ]
  assert.equal(await put('/v1/agent/service/register', { Name: 'web', Checks }), ok)
  const specs = discovery.instance('web', 'web')?.checks.map(({ spec }) => spec)
  const common = { isUniqueOnNode: true, initially: 'critical' }
  const times = { healthy: 1, unhealthy: 1, startupMs: 0, timeoutMs: 10_000, intervalMs: 5_000 }
  assert.deepEqual(specs, [
    { ...common, id: 'service:web:1', kind: 'udp', address: '10.0.0.5:53', ...times },
    {
      ...common,
      id: 'service:web:2',
      kind: 'h2ping',
      address: '10.0.0.5:443',
      tls: { skipVerify: true },
      ...times,
    },
    { ...common, id: 'service:web:3', kind: 'h2ping', address: '10.0.0.5:80', ...times },
    { ...common, id: 'service:web:4', kind: 'os-service', unit: 'nginx.service', ...times },
    {
      ...common,
      id: 'service:web:5',
      kind: 'docker',
      container: 'web-1',
      argv: ['/check.sh'],
      ...times,
      timeoutMs: 30_000,
    },
  ])
})

test('units and containers have names, and are no options and no paths', async (t) => {
  const { put } = await serveAgent(t, { allowScripts: true })
  for (const OSService of ['-x', '../x', 'a b', 'a/b', 'x'.repeat(300)]) {
    const refused = await put('/v1/agent/check/register', { Name: 'x', OSService, Interval: '1s' })
    assert.match(refused, /^400 Invalid check: OSService/, OSService)
  }
  for (const DockerContainerID of ['../etc', 'a/b', '-x', 'a?b']) {
    const check = { Name: 'x', DockerContainerID, Args: ['/x'], Interval: '1s' }
    const refused = await put('/v1/agent/check/register', check)
    assert.match(refused, /^400 Invalid check: DockerContainerID/, DockerContainerID)
  }
})
