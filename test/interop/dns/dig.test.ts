import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { startBackplane, until, type Running } from '../../harness/backplane.ts'

const run = promisify(execFile)
const hasDig = await run('dig', ['-v']).then(
  () => true,
  () => false,
)
const skip = hasDig ? false : 'dig is missing (Debian: bind9-dnsutils)'

const config = (more = ''): string => `
listen: { default: off, console: 0, consul-dns: 127.0.0.1:0 }
discovery: { lease: 1h }
consul: { node: board }
${more}
`

/** What dig prints. */
async function dig(at: Running, ...args: readonly string[]): Promise<string> {
  const [host = '', port = ''] = (at.ready.listen['consul-dns'] ?? '').split(':')
  const { stdout } = await run('dig', [`@${host}`, '-p', port, '+tries=1', '+time=5', ...args])
  return stdout
}

const short = async (at: Running, ...args: readonly string[]): Promise<readonly string[]> =>
  (await dig(at, '+short', ...args)).trim().split('\n').filter(Boolean).toSorted()

async function register(
  at: Running,
  service: string,
  id: string,
  body: object = {},
): Promise<void> {
  const url = `${at.admin}/api/v1/services/${service}/instances/${id}`
  const response = await fetch(url, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ host: '10.0.0.1', port: 8080, ...body }),
  })
  assert.ok(response.ok, await response.text())
}

async function open(t: TestContext, more = ''): Promise<Running> {
  const at = await startBackplane({ config: config(more) })
  t.after(() => at[Symbol.asyncDispose]())
  return at
}

test('names, sizes and health, as dig sees them', { skip }, async (t) => {
  const at = await open(t)
  await t.test('addresses, services with ADDITIONAL, tags', async () => {
    await register(at, 'web', 'one', { tags: ['v1'] })
    await register(at, 'web', 'two', { host: '10.0.0.2', port: 8081, tags: ['v2'] })
    assert.deepEqual(await short(at, 'web.service.consul'), ['10.0.0.1', '10.0.0.2'])
    assert.deepEqual(await short(at, 'v2.web.service.consul', 'SRV'), [
      '1 1 8081 0a000002.addr.dc1.consul.',
    ])
    const full = await dig(at, '_web._tcp.service.dc1.consul', 'SRV')
    assert.match(full, /status: NOERROR/)
    assert.match(full, /flags: qr aa rd;/)
    assert.match(full, /ANSWER: 2, AUTHORITY: 0, ADDITIONAL: 3/)
    assert.match(full, /0a000001\.addr\.dc1\.consul\.\s+0\s+IN\s+A\s+10\.0\.0\.1/)
    assert.deepEqual(await short(at, '0a000001.addr.dc1.consul'), ['10.0.0.1'])
    assert.deepEqual(await short(at, 'board.node.consul'), ['127.0.0.1'])
    assert.match(await dig(at, 'consul', 'SOA'), /SOA\s+ns\.consul\. hostmaster\.consul\./)
    assert.match(await dig(at, 'consul', 'NS'), /NS\s+board\.node\.dc1\.consul\./)
  })

  await t.test('no such name, no such type, other domains', async () => {
    assert.match(await dig(at, 'nobody.service.consul'), /status: NXDOMAIN[^]*SOA\s+ns\.consul/)
    const noData = await dig(at, 'web.service.consul', 'AAAA')
    assert.match(noData, /status: NOERROR[^]*SOA\s+ns\.consul/)
    assert.match(await dig(at, 'example.com'), /status: NXDOMAIN/)
    assert.match(await dig(at, 'consul', '+tcp', 'AXFR'), /Transfer failed/)
    assert.match(await dig(at, '+edns=1', '+noednsneg', 'web.service.consul'), /BADVERS/)
  })

  await t.test('too many for a datagram: TC, and all over TCP, by itself', async () => {
    await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        register(at, 'many', `n${i}`, { host: `10.1.0.${i}`, port: 80 }),
      ),
    )
    const cut = await dig(at, '+ignore', '+noedns', 'many.service.consul', 'SRV')
    assert.match(cut, /flags: qr aa tc rd;/)
    assert.match(cut, /MSG SIZE {2}rcvd: (4[4-9]\d|50\d|51[0-2])\n/)
    const whole = await dig(at, 'many.service.consul', 'SRV')
    assert.match(whole, /Truncated, retrying in TCP/)
    assert.match(whole, /ANSWER: 200, AUTHORITY: 0, ADDITIONAL: 201/)
    const large = await dig(at, '+ignore', '+bufsize=8192', 'many.service.consul', 'SRV')
    const count = Number(/ANSWER: (\d+)/.exec(large)?.[1])
    assert.ok(count > 120 && count < 200, String(count))
  })

  await t.test('who is not well or gone is not told, at once', async () => {
    const url = `${at.admin}/api/v1/services/web/instances/two`
    const override = await fetch(`${url}/status`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ status: 'maintenance' }),
    })
    assert.ok(override.ok, await override.text())
    assert.deepEqual(await short(at, 'web.service.consul'), ['10.0.0.1'])
    const gone = await fetch(`${at.admin}/api/v1/services/web/instances/one`, { method: 'DELETE' })
    assert.ok(gone.ok)
    assert.match(await dig(at, 'web.service.consul'), /status: NXDOMAIN/)
  })
  assert.equal(await at.stop(), 0)
})

test('other names are forwarded, and the file is followed', { skip }, async (t) => {
  // Answers 192.0.2.1 to every question.
  const resolver = createSocket('udp4').bind(0, '127.0.0.1')
  await once(resolver, 'listening')
  t.after(() => resolver.close())
  resolver.on('message', (query, from) => {
    const end = query.indexOf(0, 12) + 5
    const reply = Buffer.concat([
      query.subarray(0, end),
      Buffer.from('c00c000100010000003c0004c0000201', 'hex'),
    ])
    reply.writeUInt16BE(0x8180, 2)
    reply.writeUInt32BE(0x10000, 6)
    reply.writeUInt16BE(0, 10)
    resolver.send(reply, from.port, from.address)
  })
  const dns = `dns: { recursors: ["127.0.0.1:${resolver.address().port}"], ttl: 9s }`
  const at = await open(t, dns)
  assert.deepEqual(await short(at, 'www.example.com'), ['192.0.2.1'])
  await register(at, 'web', 'one')
  assert.match(await dig(at, 'web.service.consul'), /web\.service\.consul\.\s+9\s+IN\s+A/)
  await at.configure(config('dns: { domain: internal.example, ttl: 3s }'))
  const answer = await until(async () => {
    const text = await dig(at, 'web.service.internal.example')
    return text.includes('10.0.0.1') && text
  }, 'the changed domain')
  assert.match(answer, /web\.service\.internal\.example\.\s+3\s+IN\s+A\s+10\.0\.0\.1/)
  assert.match(await dig(at, 'www.example.com'), /status: NXDOMAIN/)
})

test('beyond this machine only for addresses that the file lists', { skip }, async (t) => {
  await assert.rejects(
    startBackplane({ config: 'listen: { default: off, consul-dns: "0.0.0.0:0" }' }),
    /listen\.from/,
  )
  const at = await startBackplane({
    config: `listen: { default: off, consul-dns: "0.0.0.0:0", from: { consul-dns: [192.0.2.0/24] } }`,
  })
  t.after(() => at[Symbol.asyncDispose]())
  const port = at.ready.listen['consul-dns']?.split(':')[1] ?? ''
  const { stdout } = await run('dig', ['@127.0.0.1', '-p', port, '+time=5', 'consul', 'SOA'])
  assert.match(stdout, /NOERROR/)
})
