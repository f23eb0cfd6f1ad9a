import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { request } from 'node:http'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { startBackplane, type Running } from '../harness/backplane.ts'

/** Calls of a random client, each of which must be answered as what it is. */
const RUNS = 250

interface Reply {
  readonly status: number
  readonly text: string
}

/** Paths go out as they are: `fetch` would tidy them. */
function call(at: string, method: string, path: string, body = '', fields = {}): Promise<Reply> {
  const [hostname = '', port = ''] = at.split(':')
  return new Promise((done, fail) => {
    const asked = request(
      { hostname, port, method, path, agent: false, headers: fields },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
        response.on('end', () => done({ status: response.statusCode ?? 0, text }))
      },
    )
    asked.on('error', fail)
    asked.end(body)
  })
}

async function start(
  t: TestContext,
): Promise<Running & { readonly at: Record<'consul' | 'eureka' | 'dns', string> }> {
  const running = await startBackplane({
    config: `
listen: { default: off, gateway: 0, console: 0, consul: 0, eureka: 0, consul-dns: 0 }
discovery: { perClient: 200 }
gateway: { workers: 1 }
`,
  })
  t.after(() => running[Symbol.asyncDispose]())
  const of = (name: string): string => running.ready.listen[name] ?? ''
  return { ...running, at: { consul: of('consul'), eureka: of('eureka'), dns: of('consul-dns') } }
}

const oddName = fc.oneof(
  fc.constantFrom(
    '__proto__',
    'constructor',
    'toString',
    '..',
    '.',
    '',
    '%',
    '%00',
    '%2e%2e%2f',
    'a/b',
    ' ',
    '💥',
    'ａ',
    '-',
    'a'.repeat(5_000),
    'null',
    '0',
  ),
  fc.string({ maxLength: 20 }),
)
const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, 0, -1, 1e308, 2 ** 53, '', '10s', '-1s', 'x'.repeat(3_000)),
    oddName,
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(
      fc.constantFrom('ID', 'Name', 'Check', 'TTL', 'Verb', 'Node', '__proto__', 'a'),
      tie('any'),
      { maxKeys: 4 },
    ),
  ),
})).any

/** A body with the fields that are looked at, each of any type. */
const registration = fc.record(
  Object.fromEntries(
    [
      'ID',
      'Name',
      'Service',
      'Node',
      'Address',
      'Port',
      'Tags',
      'Meta',
      'Weights',
      'Check',
      'Checks',
      'TaggedAddresses',
      'CheckID',
      'TTL',
      'HTTP',
      'UDP',
      'H2PING',
      'GRPC',
      'Interval',
      'Timeout',
      'Status',
      'Header',
      'ServiceID',
      'Behavior',
      'LockDelay',
      'NodeChecks',
    ].map((name) => [name, value]),
  ),
  { requiredKeys: [] },
)
const body = fc.oneof(
  registration.map((one) => JSON.stringify(one)),
  fc
    .array(
      fc.dictionary(fc.constantFrom('KV', 'Node', 'Service', 'Check', 'Session'), value, {
        maxKeys: 2,
      }),
      { maxLength: 5 },
    )
    .map((one) => JSON.stringify(one)),
  fc.constantFrom(
    '',
    '{',
    '[',
    'null',
    '"x"',
    '['.repeat(50_000),
    '{"a":'.repeat(5_000),
    '\uFEFF{}',
    '{"Name":"a","Name":"b"}',
  ),
  fc.string(),
)
const consulPath = fc.constantFrom(
  '/v1/agent/service/register',
  '/v1/agent/check/register',
  '/v1/catalog/register',
  '/v1/catalog/deregister',
  '/v1/txn',
  '/v1/session/create',
  '/v1/agent/service/deregister/',
  '/v1/agent/check/pass/',
  '/v1/agent/check/update/',
  '/v1/agent/service/maintenance/',
  '/v1/kv/',
  '/v1/session/destroy/',
  '/v1/session/renew/',
  '/v1/health/service/',
  '/v1/catalog/service/',
  '/v1/catalog/node/',
  '/v1/health/state/',
  '/v1/acl/token',
  '/v1/acl/policy',
  '/v1/query',
  '/nowhere/',
)
const query = fc.oneof(
  fc.constant(''),
  fc.constantFrom(
    '?filter=',
    '?filter=%28%28%28',
    '?filter=a+in+b',
    '?index=-1',
    '?index=99999999999999999999',
    '?wait=-1s&index=0',
    '?recurse&keys&raw',
    '?cas=x',
    '?cas=-1',
    '?acquire=none',
    '?flags=-1',
    '?flags=99999999999999999999999',
    '?dc=elsewhere',
    '?stale&consistent',
    '?node-meta=:',
    '?enable=maybe',
    '?separator=',
    '?%',
  ),
)

test('whatever a client sends to the Consul API is answered, and is nobody else’s trouble', async (t) => {
  const running = await start(t)
  const { at } = running
  const good = { ID: 'good', Name: 'good', Port: 80, Address: '10.0.0.1' }
  assert.equal(
    (await call(at.consul, 'PUT', '/v1/agent/service/register', JSON.stringify(good))).status,
    200,
  )
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('PUT', 'GET', 'DELETE', 'POST'),
      consulPath,
      oddName,
      query,
      body,
      async (method, path, name, more, sent) => {
        const rest = path.endsWith('/')
          ? encodeURI(name).replaceAll('#', '%23').replaceAll('?', '%3F')
          : ''
        const reply = await call(
          at.consul,
          method,
          `${path}${rest}${more}`,
          method === 'GET' ? '' : sent,
        )
        assert.ok(reply.status >= 200 && reply.status < 600)
        assert.doesNotMatch(
          reply.text,
          /its log says why/,
          `${method} ${path}${rest}${more} ${sent.slice(0, 200)}`,
        )
      },
    ),
    { numRuns: RUNS },
  )
  const there = await call(at.consul, 'GET', '/v1/catalog/service/good')
  assert.match(there.text, /"ServiceID":"good"/)
  assert.doesNotMatch(running.output(), /"level":"error"/)
})

test('so is what a client sends to Eureka, in JSON and in XML', async (t) => {
  const running = await start(t)
  const { at } = running
  const fields = [
    'instanceId',
    'app',
    'hostName',
    'ipAddr',
    'status',
    'port',
    'securePort',
    'dataCenterInfo',
    'leaseInfo',
    'metadata',
    'lastDirtyTimestamp',
    'vipAddress',
  ]
  const json = fc
    .record(Object.fromEntries(fields.map((name) => [name, value])), { requiredKeys: [] })
    .map((instance) => JSON.stringify({ instance }))
  const element = fc
    .tuple(fc.constantFrom(...fields, 'a'), fc.string({ maxLength: 20 }))
    .map(([name, text]) => `<${name}>${text}</${name}>`)
  const xml = fc.oneof(
    fc.array(element).map((all) => `<instance>${all.join('')}</instance>`),
    fc.constantFrom(
      '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><instance><app>&b;</app></instance>',
      '<!DOCTYPE x SYSTEM "file:///etc/passwd"><instance/>',
      `${'<a>'.repeat(40_000)}`,
      '<instance',
      '<instance><app>&#0;</app></instance>',
      '<?xml version="1.0" encoding="utf-16"?><instance/>',
    ),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('POST', 'PUT', 'GET', 'DELETE'),
      oddName,
      oddName,
      fc.oneof(json, xml, body),
      async (method, app, id, sent) => {
        const names = [app, ...(method === 'POST' ? [] : [id])].map((name) =>
          encodeURI(name).replaceAll('#', '%23').replaceAll('?', '%3F'),
        )
        const type = sent.startsWith('<') ? 'application/xml' : 'application/json'
        const reply = await call(at.eureka, method, `/eureka/apps/${names.join('/')}`, sent, {
          'content-type': type,
        })
        assert.ok(
          reply.status >= 200 && reply.status < 500,
          `${reply.status} ${reply.text} ${sent.slice(0, 200)}`,
        )
      },
    ),
    { numRuns: RUNS },
  )
  assert.equal((await call(at.eureka, 'GET', '/eureka/apps')).status, 200)
  assert.doesNotMatch(running.output(), /"level":"error"/)
})

test('one client registers as many as it may and no more, whatever it speaks; datagrams of anything stop nobody', async (t) => {
  const { at } = await start(t)
  const put = (id: number) =>
    call(
      at.consul,
      'PUT',
      '/v1/agent/service/register',
      JSON.stringify({ ID: `s${id}`, Name: 'many', Port: 80, Address: '10.0.0.1' }),
    )
  const all: number[] = []
  for (let at_ = 0; at_ < 400; at_ += 40) {
    all.push(
      ...(await Promise.all(Array.from({ length: 40 }, (_, one) => put(at_ + one)))).map(
        ({ status }) => status,
      ),
    )
  }
  assert.deepEqual(
    [all.filter((one) => one === 200).length, all.filter((one) => one === 429).length],
    [200, 200],
  )
  const instance = {
    instanceId: 'e',
    app: 'MANY',
    hostName: '10.0.0.1',
    ipAddr: '10.0.0.1',
    port: { $: 1, '@enabled': 'true' },
    dataCenterInfo: { '@class': 'x', name: 'MyOwn' },
  }
  const eureka = await call(at.eureka, 'POST', '/eureka/apps/MANY', JSON.stringify({ instance }), {
    'content-type': 'application/json',
  })
  assert.deepEqual([eureka.status, /discovery\.perClient/.test(eureka.text)], [429, true])
  const large = await call(at.consul, 'PUT', '/v1/kv/large', 'x'.repeat(512 * 1024 + 1))
  assert.equal(large.status, 413)
  const socket = createSocket('udp4')
  t.after(() => socket.close())
  const [host = '', port = '0'] = at.dns.split(':')
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 600 }), async (bytes) => {
      await new Promise<void>((done, fail) =>
        socket.send(bytes, Number(port), host, (error) => (error ? fail(error) : done())),
      )
    }),
    { numRuns: RUNS },
  )
  const question = Buffer.from(
    'abcd01000001000000000000046d616e790773657276696365 06636f6e73756c0000210001'.replaceAll(
      ' ',
      '',
    ),
    'hex',
  )
  const answered = new Promise<Buffer>((done) => {
    socket.on('message', (bytes: Buffer) => bytes.readUInt16BE(0) === 0xabcd && done(bytes))
  })
  socket.send(question, Number(port), host)
  assert.equal((await answered).readUInt16BE(2) & 0xf, 0, 'NOERROR')
})
