import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { createConsulSource } from './consul.ts'
import { createDnsSource, type DnsResolver, type SrvRecord } from './dns.ts'
import type { Source } from './source.ts'
import { createFileSource, createHttpSource, parseTargetGroups } from './target-groups.ts'

const look = (source: Source, waitMs = 60_000) => source.look(waitMs, new AbortController().signal)

async function serve(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('consul: blocks on the index, reads health, and begins anew when the index goes back', async (t) => {
  const asked: string[] = []
  const indexes = ['7', '7', '3', '9', '0']
  const url = await serve(t, (request, response) => {
    asked.push(`${request.url} ${String(request.headers['x-consul-token'] ?? '')}`)
    response.setHeader('x-consul-index', indexes.shift() ?? '1')
    response.end(
      JSON.stringify([
        {
          Node: { Node: 'n1', Address: '10.0.0.1' },
          Service: { ID: 'w1', Address: '', Port: 80, Tags: ['v1'], Meta: { a: 'b' } },
          Checks: [{ Status: 'passing' }, { Status: 'warning' }],
        },
        {
          Node: { Node: 'n2', Address: '10.0.0.2' },
          Service: { ID: 'w1', Address: '10.1.0.2', Port: 81, Weights: { Passing: 9, Warning: 0 } },
          Checks: [{ Status: 'critical' }],
        },
      ]),
    )
  })
  const options = { url, service: 'we b', token: 'secret', tag: 'v1', datacenter: 'dc2' }
  const source = createConsulSource(options)
  assert.deepEqual((await look(source)).targets, [
    {
      id: 'n1/w1',
      host: '10.0.0.1',
      port: 80,
      tags: ['v1'],
      meta: { a: 'b' },
      weights: { passing: 1, warning: 1 },
      status: 'warning',
    },
    {
      id: 'n2/w1',
      host: '10.1.0.2',
      port: 81,
      tags: [],
      meta: {},
      weights: { passing: 9, warning: 0 },
      status: 'critical',
    },
  ])
  for (let count = 0; count < 4; count++) await look(source, 5_000)
  const base = '/v1/health/service/we%20b?tag=v1&dc=dc2'
  assert.deepEqual(asked, [
    `${base} secret`,
    `${base}&index=7&wait=5s secret`,
    `${base}&index=7&wait=5s secret`,
    `${base} secret`,
    `${base}&index=9&wait=5s secret`,
  ])
})

test('what is no answer is told in words', async (t) => {
  let body = ''
  let status = 200
  const url = await serve(t, (_request, response) => {
    response.statusCode = status
    response.end(body)
  })
  const source = createConsulSource({ url, service: 'web' })
  const refused: readonly (readonly [number, string, RegExp])[] = [
    [200, '{', /is no JSON/],
    [200, '{}', /no list of instances/],
    [200, '[{}]', /no instance/],
    [200, '[{"Node":{"Node":"a","Address":"b"},"Service":{"Port":99999}}]', /no instance/],
    [403, 'Permission denied', /answered 403: Permission denied/],
  ]
  for (const [code, text, why] of refused) {
    status = code
    body = text
    await assert.rejects(look(source), { name: 'SourceError', message: why })
  }
})

test('dns: SRV of the best priority with weights, addresses with a port, again when the first TTL ends', async () => {
  const missing = Object.assign(new Error('none'), { code: 'ENODATA' })
  let srv: readonly SrvRecord[] = [
    { name: 'a.example', port: 80, priority: 1, weight: 5 },
    { name: 'b.example', port: 81, priority: 1, weight: 0 },
    { name: 'c.example', port: 82, priority: 2, weight: 1 },
  ]
  const addresses = new Map([
    ['a.example', [{ address: '10.0.0.1', ttl: 60 }]],
    ['b.example', [{ address: '10.0.0.2', ttl: 5 }]],
    ['c.example', [{ address: '10.0.0.3', ttl: 0 }]],
  ])
  const resolver: DnsResolver = {
    setServers: () => {},
    cancel: () => {},
    resolveSrv: () => Promise.resolve(srv),
    resolve4: async (name) => addresses.get(name) ?? Promise.reject(missing),
    resolve6: () => Promise.reject(missing),
  }
  const source = createDnsSource({ name: '_web._tcp.example', intervalMs: 30_000 }, resolver)
  assert.deepEqual(await look(source), {
    againMs: 5_000,
    targets: [
      { id: '10.0.0.1:80', host: '10.0.0.1', port: 80, weights: { passing: 5, warning: 5 } },
      { id: '10.0.0.2:81', host: '10.0.0.2', port: 81, weights: { passing: 1, warning: 1 } },
    ],
  })
  srv = []
  assert.deepEqual(await look(source), { againMs: 30_000, targets: [] })
  const named = { name: 'c.example', port: 9_000, intervalMs: 30_000 }
  assert.deepEqual(await look(createDnsSource(named, resolver)), {
    againMs: 1_000,
    targets: [{ id: '10.0.0.3:9000', host: '10.0.0.3', port: 9_000 }],
  })
  const broken = { ...resolver, resolve4: () => Promise.reject(new Error('queryA ETIMEOUT')) }
  await assert.rejects(look(createDnsSource(named, broken)), { message: 'queryA ETIMEOUT' })
})

test('file and http: the target groups of Prometheus', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-sources-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const groups = [
    { targets: ['10.0.0.1:80', '[fd00::1]:81'], labels: { rack: 7 } },
    { targets: ['10.0.0.1:80'] },
  ]
  const wanted = [
    { id: '10.0.0.1:80', host: '10.0.0.1', port: 80, meta: {} },
    { id: '[fd00::1]:81', host: 'fd00::1', port: 81, meta: { rack: '7' } },
  ]
  writeFileSync(join(folder, 'a.json'), JSON.stringify(groups))
  writeFileSync(join(folder, 'a.yml'), '- targets: [10.0.0.9:80]\n')
  const fromFile = createFileSource({ file: 'a.json', intervalMs: 100 }, folder)
  assert.deepEqual(await look(fromFile), { targets: wanted, againMs: 100 })
  const fromYaml = createFileSource({ file: 'a.yml', intervalMs: 100 }, folder)
  assert.deepEqual(
    (await look(fromYaml)).targets.map(({ id }) => id),
    ['10.0.0.9:80'],
  )
  await assert.rejects(look(createFileSource({ file: 'b.json', intervalMs: 1 }, folder)), {
    code: 'ENOENT',
  })
  const url = await serve(t, (request, response) => {
    assert.equal(request.headers['authorization'], 'Bearer secret')
    response.end(JSON.stringify(groups))
  })
  const fromHttp = createHttpSource({ url, token: 'secret', intervalMs: 5 })
  assert.deepEqual((await look(fromHttp)).targets, wanted)
  for (const bad of [{}, [1], [{ targets: 'a:1' }], [{ targets: ['a'] }], [{ labels: 1 }]]) {
    assert.throws(() => parseTargetGroups(bad), { name: 'SourceError' })
  }
})
