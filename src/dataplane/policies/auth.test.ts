import assert from 'node:assert/strict'
import { createHash, createHmac, scryptSync } from 'node:crypto'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import type { AuthSpec, AuthWay } from '../../contracts/auth.ts'
import { formatPasswordHash } from '../../mechanisms/password-hash/password-hash.ts'
import type { Clock } from '../../platform/capability.ts'
import { systemClock } from '../../platform/clock.ts'
import { createSigner, makeToken } from '../auth/testing/signer.ts'
import type { ClientCertificate } from '../tls/client-certificate.ts'
import { compileAuth } from './auth.ts'
import { type PendingDecision, type Policy, VERDICT } from './policy.ts'
import { FakeExchange, type FakeRequest } from './testing/fake-exchange.ts'
import { testGround } from './testing/ground.ts'

const NOW = 1_800_000_000
const clock: Clock = { ...systemClock, nowMs: () => NOW * 1_000 }
const none = { scopes: [], roles: [], claims: [] }
const signer = createSigner('P-256', 'k1')
const jwt: AuthWay = {
  way: 'jwt',
  issuers: ['shop'],
  audiences: ['orders'],
  typ: '',
  skewSeconds: 0,
  ageSecondsMax: 0,
  ...none,
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

const keyWay: AuthWay = {
  way: 'key',
  header: 'x-api-key',
  keys: [{ id: 'partner', sha256: sha256('a random key'), scopes: ['read'], roles: [] }],
  ...none,
}
const password = (text: string): string => {
  const [cost, blockSize, parallel, salt] = [1_024, 8, 1, Buffer.alloc(16, 7)]
  const hash = scryptSync(text, salt, 32, { N: cost, r: blockSize, p: parallel })
  return formatPasswordHash({ cost, blockSize, parallel, salt, hash })
}
const basicWay: AuthWay = {
  way: 'basic',
  users: [{ id: 'ann', hash: password('correct horse'), scopes: [], roles: ['admin'] }],
  ...none,
}
const SECRET = 'shared secret of a partner, 32 bytes'
const signatureWay: AuthWay = {
  way: 'signature',
  keys: [{ id: 'partner', secret: SECRET, scopes: [], roles: [] }],
  covers: ['@method', '@path', '@query'],
  ageSecondsMax: 60,
  skewSeconds: 5,
  ...none,
}

function compile(ways: readonly AuthWay[], change: Partial<AuthSpec> = {}): Policy {
  const ground = testGround(undefined, clock)
  ground.auth.apply({
    op: 'issuer',
    issuer: { name: 'shop', issuer: 'https://id.example.com', keys: signer.keys, asked: 1 },
  })
  const spec = { needs: 'any', ways, realm: 'shop', forward: [], passesCredentials: true } as const
  return compileAuth({ ...spec, ...change }, ground)
}

function token(claims: object = {}): string {
  const all = { iss: 'https://id.example.com', aud: 'orders', sub: 'u1', exp: NOW + 60, ...claims }
  return makeToken({ alg: 'ES256', kid: 'k1' }, all, { alg: 'ES256', key: signer.privateKey })
}

function ask(policy: Policy, headers: Record<string, string>, request: FakeRequest = {}) {
  const exchange = new FakeExchange({ ...request, headers })
  return { exchange, verdict: policy.request!(exchange) }
}

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`

/** What a policy that waits says in the end. */
async function decided(exchange: FakeExchange): Promise<PendingDecision> {
  for (;;) {
    if (exchange.decision !== undefined) return exchange.decision
    await new Promise((resolve) => void setImmediate(resolve))
  }
}

test('no credentials: 401 with a challenge of each way, and nobody learns why', () => {
  const { exchange, verdict } = ask(compile([jwt, keyWay, basicWay, signatureWay]), {})
  assert.equal(verdict, VERDICT.answer)
  assert.equal(exchange.answer!.code, 'ERR_GATEWAY_UNAUTHENTICATED')
  assert.deepEqual(exchange.responseField('www-authenticate'), [
    'Bearer realm="shop"',
    'ApiKey realm="shop", header="x-api-key"',
    'Basic realm="shop", charset="UTF-8"',
    'Signature realm="shop"',
  ])
})

test('a bad token: the reason is for the operator, the client learns invalid_token', () => {
  const expired = token({ exp: NOW - 1 })
  const { exchange, verdict } = ask(compile([jwt]), { authorization: `Bearer ${expired}` })
  assert.equal(verdict, VERDICT.answer)
  assert.match(exchange.answer!.detail, /expired/)
  assert.doesNotMatch(exchange.answer!.told!, /expired/)
  assert.match(exchange.notes[0]!, /expired/)
  assert.deepEqual(exchange.responseField('www-authenticate'), [
    'Bearer realm="shop", error="invalid_token"',
  ])
})

test('a scope that is missing: 403, which names what is needed', () => {
  const policy = compile([{ ...jwt, scopes: ['orders:write'] }])
  const { exchange } = ask(policy, { authorization: `Bearer ${token({ scope: 'orders:read' })}` })
  assert.equal(exchange.answer!.code, 'ERR_GATEWAY_FORBIDDEN')
  assert.deepEqual(exchange.responseField('www-authenticate'), [
    'Bearer realm="shop", error="insufficient_scope", scope="orders:write"',
  ])
})

test('roles and claims are demanded, also of claims in claims', () => {
  const policy = compile([
    { ...jwt, roles: ['admin'], claims: [['tenant.plan', ['gold', 'silver']]] },
  ])
  const codeOf = (claims: object): string | undefined =>
    ask(policy, { authorization: `Bearer ${token(claims)}` }).exchange.answer?.code
  assert.equal(codeOf({ roles: ['admin'], tenant: { plan: 'gold' } }), undefined)
  assert.equal(
    codeOf({ realm_access: { roles: ['admin'] }, tenant: { plan: 'silver' } }),
    undefined,
  )
  assert.equal(codeOf({ roles: ['admin'], tenant: { plan: 'lead' } }), 'ERR_GATEWAY_FORBIDDEN')
  assert.equal(codeOf({ roles: ['user'], tenant: { plan: 'gold' } }), 'ERR_GATEWAY_FORBIDDEN')
})

test('claims go on as headers that no client can send or break', () => {
  const policy = compile([jwt], {
    forward: [
      ['sub', 'x-user'],
      ['roles', 'x-roles'],
      ['nothing', 'x-none'],
    ],
    passesCredentials: false,
  })
  assert.deepEqual(policy.dropsRequestFields, ['x-user', 'x-roles', 'x-none', 'authorization'])
  const sub = 'ann\r\nx-admin: true é%'
  const { exchange } = ask(policy, {
    authorization: `Bearer ${token({ sub, roles: ['a', 'b,c'] })}`,
    'x-user': 'root',
  })
  assert.equal(
    exchange.requestLines,
    'x-user: ann%0D%0Ax-admin: true %C3%A9%25\r\nx-roles: a,b%2Cc\r\n',
  )
  assert.equal(exchange.identity?.subject, sub)
})

test('a key in a header, by its hash', () => {
  const policy = compile([keyWay])
  const good = ask(policy, { 'x-api-key': 'a random key' })
  assert.equal(good.verdict, VERDICT.go)
  assert.equal(good.exchange.identity?.subject, 'partner')
  for (const wrong of ['a random ke', 'A random key', 'a random key ', '', 'k'.repeat(5_000)])
    assert.equal(ask(policy, { 'x-api-key': wrong }).verdict, VERDICT.answer)
  const strict = compile([{ ...keyWay, scopes: ['write'] }])
  const { exchange } = ask(strict, { 'x-api-key': 'a random key' })
  assert.equal(exchange.answer!.code, 'ERR_GATEWAY_FORBIDDEN')
})

test('name and password are hashed elsewhere, and remembered for a while', async () => {
  const policy = compile([basicWay])
  const first = ask(policy, { authorization: basic('ann:correct horse') })
  assert.equal(first.verdict, VERDICT.pending)
  const decision = await decided(first.exchange)
  assert.equal(decision.verdict, VERDICT.go)
  assert.equal(decision.verdict === VERDICT.go && decision.identity?.subject, 'ann')
  assert.equal(ask(policy, { authorization: basic('ann:correct horse') }).verdict, VERDICT.go)
  for (const wrong of ['ann:correct', 'bob:correct horse', 'ann:', ':']) {
    const { exchange, verdict } = ask(policy, { authorization: basic(wrong) })
    assert.equal(verdict, VERDICT.pending, wrong)
    assert.equal((await decided(exchange)).verdict, VERDICT.answer, wrong)
  }
  for (const wrong of ['Basic', 'Basic !!', basic('ann')])
    assert.equal(ask(policy, { authorization: wrong }).verdict, VERDICT.answer, wrong)
})

test('passwords that wait to be hashed are bounded', () => {
  const policy = compile([basicWay])
  const codes = Array.from({ length: 100 }, (_, at) => {
    const { exchange } = ask(policy, { authorization: basic(`ann:${at}`) })
    return exchange.answer?.code
  })
  assert.ok(codes.includes('ERR_GATEWAY_AUTH_UNAVAILABLE'))
})

function signed(change: {
  readonly components?: string
  readonly created?: number
  readonly keyId?: string
  readonly secret?: string
  readonly path?: string
  readonly more?: string
}): Record<string, string> {
  const { components = '"@method" "@path" "@query"', keyId = 'partner' } = change
  const params = `(${components});created=${change.created ?? NOW};keyid="${keyId}"${change.more ?? ''}`
  const lines = components.split(' ').map((name) => {
    const values: Record<string, string> = {
      '"@method"': 'POST',
      '"@path"': change.path ?? '/orders/7',
      '"@query"': '?a=1',
      '"content-digest"': 'sha-256=:abc=:',
    }
    return `${name}: ${values[name] ?? ''}`
  })
  const base = [...lines, `"@signature-params": ${params}`].join('\n')
  const bytes = createHmac('sha256', change.secret ?? SECRET)
    .update(base)
    .digest('base64')
  return {
    'signature-input': `sig1=${params}`,
    signature: `sig1=:${bytes}:`,
    'content-digest': 'sha-256=:abc=:',
  }
}

test('a signature over the request, and what is wrong with others', () => {
  const policy = compile([signatureWay])
  const request = { method: 'POST', path: '/orders/7', query: '?a=1' }
  const detailOf = (headers: Record<string, string>): string =>
    ask(policy, headers, request).exchange.answer?.detail ?? 'passes'
  assert.equal(detailOf(signed({})), 'passes')
  const digest = '"@method" "@path" "@query" "content-digest"'
  assert.equal(detailOf(signed({ components: digest, more: ';alg="hmac-sha256"' })), 'passes')
  assert.match(detailOf(signed({ path: '/orders/8' })), /not that of this request/)
  assert.match(detailOf(signed({ secret: 'another' })), /not that of this request/)
  assert.match(detailOf(signed({ created: NOW - 100 })), /too long ago/)
  assert.match(detailOf(signed({ created: NOW + 100 })), /in the future/)
  assert.match(detailOf(signed({ keyId: 'nobody' })), /not known/)
  assert.match(detailOf(signed({ components: '"@method"' })), /does not cover/)
  assert.match(detailOf(signed({ more: ';alg="rsa-v1_5-sha256"' })), /another algorithm/)
  assert.match(detailOf(signed({ more: `;expires=${NOW - 10}` })), /expired/)
  assert.match(detailOf(signed({ components: '"@method" "@method" "@path" "@query"' })), /twice/)
  assert.match(
    detailOf(signed({ components: '"@method" "@path" "@query" "x-not-there"' })),
    /header that/,
  )
  assert.match(
    detailOf(signed({ components: '"@method" "@path" "@query" "@status"' })),
    /component/,
  )
  const two = signed({})
  const both = {
    ...two,
    'signature-input': `${two['signature-input']}, sig2=("@method");created=1`,
  }
  assert.match(detailOf(both), /several/)
  assert.match(detailOf({ 'signature-input': 'x', signature: 'y' }), /no dictionary/)
  assert.match(detailOf({ ...two, signature: 'sig2=:AAAA:' }), /no bytes/)
})

test('one of several ways is enough, or each must let it in', async () => {
  const any = compile([jwt, keyWay])
  assert.equal(ask(any, { 'x-api-key': 'a random key' }).verdict, VERDICT.go)
  assert.equal(ask(any, { authorization: `Bearer ${token()}` }).verdict, VERDICT.go)
  const all = compile([jwt, keyWay], { needs: 'all' })
  assert.equal(ask(all, { 'x-api-key': 'a random key' }).verdict, VERDICT.answer)
  const both = { 'x-api-key': 'a random key', authorization: `Bearer ${token()}` }
  const { exchange, verdict } = ask(all, both)
  assert.equal(verdict, VERDICT.go)
  assert.equal(exchange.identity?.subject, 'u1')
  // What takes longer is not begun where another way has decided.
  const quick = compile([basicWay, keyWay])
  const mixed = { authorization: basic('ann:wrong'), 'x-api-key': 'a random key' }
  assert.equal(ask(quick, mixed).verdict, VERDICT.go)
  const slow = ask(compile([basicWay, keyWay], { needs: 'all' }), mixed)
  assert.equal((await decided(slow.exchange)).verdict, VERDICT.answer)
})

async function startIssuer(
  t: TestContext,
  listener: RequestListener,
  timeoutMs = 20_000,
): Promise<AuthWay> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await new Promise((resolve) => void server.once('listening', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    way: 'introspection',
    url: `http://127.0.0.1:${port}/introspect`,
    client: 'gateway',
    secret: 'its:secret',
    audiences: [],
    timeoutMs,
    cacheMs: 30_000,
    concurrency: 2,
    ...none,
  }
}

test('introspection: asked once for many requests of one token, remembered, and with credentials', async (t) => {
  const asked: string[] = []
  const way = await startIssuer(t, (request, response) => {
    let body = ''
    request
      .on('data', (chunk) => (body += String(chunk)))
      .on('end', () => {
        asked.push(`${request.headers.authorization} ${body}`)
        const active = body.startsWith('token=good')
        response.end(JSON.stringify({ active, sub: 'u7', scope: 'read', exp: NOW + 60 }))
      })
  })
  const policy = compile([way])
  const both = [1, 2].map(() => ask(policy, { authorization: 'Bearer good' }))
  for (const { exchange } of both) assert.equal((await decided(exchange)).verdict, VERDICT.go)
  assert.equal(ask(policy, { authorization: 'Bearer good' }).verdict, VERDICT.go)
  const credentials = Buffer.from('gateway:its%3Asecret').toString('base64')
  assert.deepEqual(asked, [`Basic ${credentials} token=good&token_type_hint=access_token`])
  const bad = ask(policy, { authorization: 'Bearer bad' })
  const decision = await decided(bad.exchange)
  assert.equal(
    decision.verdict === VERDICT.answer && decision.answer.code,
    'ERR_GATEWAY_UNAUTHENTICATED',
  )
})

test('an issuer that hangs, lies, fails or says too much lets nobody in', async (t) => {
  const answers: Record<string, RequestListener> = {
    hangs: () => {},
    fails: (_request, response) => void response.writeHead(500).end('{"active":true}'),
    huge: (_request, response) => void response.end(`{"active":true,"a":"${'x'.repeat(200_000)}"}`),
    twice: (_request, response) => void response.end('{"active":false,"active":true}'),
    text: (_request, response) => void response.end('true'),
    resets: (request) => void request.socket.destroy(),
    moved: (_request, response) => void response.writeHead(302, { location: '/x' }).end(),
  }
  for (const [name, listener] of Object.entries(answers)) {
    const policy = compile([await startIssuer(t, listener, name === 'hangs' ? 50 : 20_000)])
    const { exchange } = ask(policy, { authorization: 'Bearer good' })
    const decision = await decided(exchange)
    assert.equal(
      decision.verdict === VERDICT.answer && decision.answer.code,
      'ERR_GATEWAY_AUTH_UNAVAILABLE',
      name,
    )
  }
  const way = await startIssuer(t, () => {})
  const policy = compile([way])
  const codes = ['a', 'b', 'c'].map(
    (text) => ask(policy, { authorization: `Bearer ${text}` }).exchange.answer?.code,
  )
  assert.deepEqual(codes, [undefined, undefined, 'ERR_GATEWAY_AUTH_UNAVAILABLE'])
})

test('a certificate: believed, still valid, by an authority, with a name', () => {
  const shown: ClientCertificate = {
    subject: 'CN=orders',
    names: ['DNS:orders.internal', 'URI:spiffe://shop/orders'],
    issuer: 'CN=ca',
    serial: '01',
    fingerprint: 'ab',
    notAfterMs: NOW * 1_000 + 1,
    authorities: ['internal'],
    fault: '',
    line: '',
  }
  const certificate: AuthWay = { way: 'certificate', authorities: [], names: [], ...none }
  const judge = (way: object, clientCertificate: ClientCertificate | null) => {
    const exchange = new FakeExchange()
    Object.assign(exchange, { clientCertificate, scheme: 'https' })
    compile([{ ...certificate, ...way }]).request!(exchange)
    return exchange
  }
  assert.equal(judge({}, shown).identity?.subject, 'spiffe://shop/orders')
  const codeOf = (way: object, given: object = {}): string | undefined =>
    judge(way, { ...shown, ...given }).answer?.code
  assert.equal(codeOf({ names: ['URI:spiffe://shop/*'], authorities: ['internal'] }), undefined)
  assert.equal(codeOf({ names: ['DNS:orders'] }), 'ERR_GATEWAY_FORBIDDEN')
  assert.equal(codeOf({ names: ['URI:spiffe://shop/payments'] }), 'ERR_GATEWAY_FORBIDDEN')
  assert.equal(codeOf({ authorities: ['partners'] }), 'ERR_GATEWAY_UNAUTHENTICATED')
  assert.equal(codeOf({}, { fault: 'CERT_REVOKED' }), 'ERR_GATEWAY_UNAUTHENTICATED')
  assert.equal(codeOf({}, { notAfterMs: NOW * 1_000 }), 'ERR_GATEWAY_UNAUTHENTICATED')
  assert.equal(judge({}, null).answer?.code, 'ERR_GATEWAY_CLIENT_NOT_ASKED')
})
