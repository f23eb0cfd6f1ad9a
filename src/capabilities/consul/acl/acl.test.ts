import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { startStorage, type Storage } from '../../../platform/storage/storage.ts'
import { HandClock, startForTest } from '../../kv/testing/start.ts'
import { kvRoutes } from '../kv.ts'
import { sessionRoutes } from '../session.ts'
import { serveConsul, type MakeCall } from '../testing/serve.ts'
import { startWorld } from '../testing/world.ts'
import { txnRoutes } from '../txn.ts'
import { openAcl } from './acl.ts'

const ANONYMOUS = '00000000-0000-0000-0000-000000000002'

async function serveAcl(
  t: TestContext,
  given: { token?: string; acl?: 'allow' | 'deny'; storage?: Storage } = {},
) {
  const clock = new HandClock()
  const { kv, storage } = await startForTest(
    t,
    given.storage === undefined ? {} : { storage: given.storage },
  )
  const settings = {
    datacenter: 'dc1',
    node: 'n1',
    scripts: false,
    hosts: [],
    token: given.token,
    acl: given.acl,
  }
  const acl = await openAcl(settings, storage, { clock, log: () => {} })
  const { world } = await startWorld(t, storage)
  const routes = [
    ...acl.routes,
    ...kvRoutes(kv),
    ...sessionRoutes(kv, 'n1'),
    ...txnRoutes(kv, world),
  ]
  const { call } = await serveConsul(t, routes, { authorizer: acl.authorizer })
  const as =
    (token: string): MakeCall =>
    (path, options = {}) =>
      call(path, { ...options, headers: { 'x-consul-token': token } })
  return { call, as, clock, storage }
}

interface TokenJson {
  readonly AccessorID: string
  readonly SecretID: string
  readonly Policies: readonly { readonly Name: string }[]
}

/** A token with these rules. */
async function tokenWith(call: MakeCall, name: string, Rules: string, more: object = {}) {
  const policy = await call('/v1/acl/policy', { method: 'PUT', body: { Name: name, Rules } })
  assert.equal(policy.status, 200, policy.text)
  const body = { Policies: [{ Name: name }], ...more }
  return (await call('/v1/acl/token', { method: 'PUT', body })).json<TokenJson>()
}

test('without a setting everybody may everything, and tokens are not offered', async (t) => {
  const { as } = await serveAcl(t)
  assert.equal((await as('whatever')('/v1/kv/a', { method: 'PUT', body: '1' })).text, 'true')
  const refused = await as('')('/v1/acl/bootstrap', { method: 'PUT' })
  assert.deepEqual([refused.status, refused.text], [401, 'ACL support disabled'])
})

test('the first token is given away once, also after a start', async (t) => {
  const storage = await startStorage({ file: ':memory:' })
  t.after(() => storage.close())
  const { as } = await serveAcl(t, { acl: 'deny', storage })
  const both = await Promise.all([1, 2].map(() => as('')('/v1/acl/bootstrap', { method: 'PUT' })))
  assert.deepEqual(new Set(both.map(({ status }) => status)), new Set([200, 403]))
  const { SecretID } = both.find(({ status }) => status === 200)!.json<TokenJson>()
  assert.equal((await as('')('/v1/kv/a', { method: 'PUT' })).status, 403)
  assert.equal((await as(SecretID)('/v1/kv/a', { method: 'PUT' })).text, 'true')

  const again = await serveAcl(t, { acl: 'deny', storage })
  assert.equal((await again.as('')('/v1/acl/bootstrap', { method: 'PUT' })).status, 403)
  assert.equal((await again.as(SecretID)('/v1/kv/a')).status, 200)
  const rows = await storage.read('SELECT body FROM consul_acl_tokens')
  assert.doesNotMatch(JSON.stringify(rows), new RegExp(SecretID), 'the secret is nowhere')
})

test('the token of the file may everything, and shuts the first token off', async (t) => {
  const { as } = await serveAcl(t, { token: 'a-secret-of-the-file' })
  const root = as('a-secret-of-the-file')
  assert.equal((await root('/v1/kv/a', { method: 'PUT' })).text, 'true')
  assert.equal((await as('')('/v1/kv/a')).status, 403)
  const wrong = await as('wrong')('/v1/kv/a')
  assert.deepEqual([wrong.status, wrong.text], [403, 'ACL not found'])
  assert.equal((await as('')('/v1/acl/bootstrap', { method: 'PUT' })).status, 403)
  assert.equal(
    (await root('/v1/acl/token/self')).json<{ Description: string }>().Description,
    'consul.token of backplane.yaml',
  )
})

test('policies hold everywhere: keys, lists, transactions, sessions', async (t) => {
  const { as, call } = await serveAcl(t, { token: 'a-secret-of-the-file' })
  const root = as('a-secret-of-the-file')
  for (const key of ['app/a', 'app/secret', 'other'])
    await root(`/v1/kv/${key}`, { method: 'PUT', body: key })
  const { SecretID, AccessorID } = await tokenWith(
    root,
    'app',
    'key_prefix "app/" { policy = "write" } key "app/secret" { policy = "deny" } session_prefix "" { policy = "write" }',
  )
  const app = as(SecretID)
  assert.equal((await app('/v1/kv/app/new', { method: 'PUT', body: 'x' })).text, 'true')
  const refused = await app('/v1/kv/other', { method: 'PUT' })
  assert.equal(
    refused.text,
    `Permission denied: token with AccessorID '${AccessorID}' lacks permission 'key:write' on "other"`,
  )
  assert.equal((await app('/v1/kv/app/secret')).status, 403)
  assert.equal((await app('/v1/kv/?keys')).text, '["app/a","app/new"]')
  assert.equal((await app('/v1/kv/?recurse')).json<unknown[]>().length, 2)
  assert.equal(
    (await app('/v1/kv/app/?recurse', { method: 'DELETE' })).status,
    403,
    'a part is denied',
  )
  const txn = (ops: unknown) => app('/v1/txn', { method: 'PUT', body: JSON.stringify(ops) })
  const failed = await txn([
    { KV: { Verb: 'set', Key: 'app/b', Value: '' } },
    { KV: { Verb: 'get', Key: 'other' } },
  ])
  assert.equal(failed.status, 409)
  assert.match(failed.text, /"OpIndex":1,"What":"Permission denied/)
  const tree = await txn([{ KV: { Verb: 'get-tree', Key: '' } }])
  assert.equal(tree.json<{ Results: unknown[] }>().Results.length, 2)
  const session = await app('/v1/session/create', { method: 'PUT' })
  assert.equal(session.status, 200)
  assert.equal((await as('')('/v1/session/list')).text, '[]')
  assert.equal((await as('')('/v1/session/create', { method: 'PUT' })).status, 403)
  assert.equal((await app('/v1/acl/tokens')).status, 403)
  assert.equal(
    (await call('/v1/kv/app/a', { headers: { authorization: `Bearer ${SecretID}` } })).status,
    200,
  )
  assert.equal((await call(`/v1/kv/app/a?token=${SecretID}`)).status, 200)
})

test('the anonymous token gets what it is given, and nothing by default', async (t) => {
  const { as } = await serveAcl(t, { acl: 'deny', token: 'a-secret-of-the-file' })
  const root = as('a-secret-of-the-file')
  await root('/v1/kv/public/a', { method: 'PUT' })
  assert.equal((await as('')('/v1/kv/public/a')).status, 403)
  await root('/v1/acl/policy', {
    method: 'PUT',
    body: { Name: 'public', Rules: 'key_prefix "public/" { policy = "read" }' },
  })
  await root(`/v1/acl/token/${ANONYMOUS}`, {
    method: 'PUT',
    body: { Policies: [{ Name: 'public' }] },
  })
  assert.equal((await as('')('/v1/kv/public/a')).status, 200)
  assert.equal((await as('')('/v1/kv/public/a', { method: 'PUT' })).status, 403)
  assert.equal((await root(`/v1/acl/token/${ANONYMOUS}`, { method: 'DELETE' })).status, 400)
})

test('allowed by default, a token can still be kept from something, and tokens stay closed', async (t) => {
  const { as } = await serveAcl(t, { acl: 'allow' })
  const { SecretID } = (await as('')('/v1/acl/bootstrap', { method: 'PUT' })).json<TokenJson>()
  assert.equal((await as('')('/v1/kv/a', { method: 'PUT' })).text, 'true')
  assert.equal((await as('')('/v1/acl/tokens')).status, 403)
  const limited = await tokenWith(as(SecretID), 'limited', 'key "a" { policy = "read" }')
  assert.equal((await as(limited.SecretID)('/v1/kv/a', { method: 'PUT' })).status, 403)
  assert.equal((await as(limited.SecretID)('/v1/kv/b', { method: 'PUT' })).text, 'true')
})

test('tokens: read, update, clone, expire, delete', async (t) => {
  const { as, clock } = await serveAcl(t, { token: 'a-secret-of-the-file' })
  const root = as('a-secret-of-the-file')
  const made = await tokenWith(root, 'p', 'key "k" { policy = "write" }', { ExpirationTTL: '1h' })
  const path = `/v1/acl/token/${made.AccessorID}`
  assert.equal((await root(path)).json<TokenJson>().SecretID, '<hidden>')
  assert.equal(
    (await as(made.SecretID)('/v1/acl/token/self')).json<TokenJson>().SecretID,
    made.SecretID,
  )
  const clone = (await root(`${path}/clone`, { method: 'PUT' })).json<TokenJson>()
  assert.deepEqual(clone.Policies, made.Policies)
  assert.notEqual(clone.SecretID, made.SecretID)
  await root(path, { method: 'PUT', body: { Policies: [] } })
  assert.equal((await as(made.SecretID)('/v1/kv/k', { method: 'PUT' })).status, 403)
  assert.equal((await as(clone.SecretID)('/v1/kv/k', { method: 'PUT' })).text, 'true')
  clock.advance(3_600_000)
  assert.equal((await as(clone.SecretID)('/v1/kv/k')).text, 'ACL not found')
  assert.equal((await root(path, { method: 'DELETE' })).text, 'true')
  assert.equal((await root(path)).status, 404)
})

test('policies: read by id and name, change, and go from their tokens', async (t) => {
  const { as } = await serveAcl(t, { token: 'a-secret-of-the-file' })
  const root = as('a-secret-of-the-file')
  const { SecretID, AccessorID } = await tokenWith(root, 'p', 'key "k" { policy = "write" }')
  const { ID } = (await root('/v1/acl/policy/name/p')).json<{ ID: string }>()
  assert.match((await root(`/v1/acl/policy/${ID}`)).text, /"Rules":"key/)
  assert.equal((await root('/v1/acl/policies')).json<unknown[]>().length, 2)
  const update = { Name: 'p', Rules: 'key "k" { policy = "read" }' }
  await root(`/v1/acl/policy/${ID}`, { method: 'PUT', body: update })
  assert.equal((await as(SecretID)('/v1/kv/k', { method: 'PUT' })).status, 403)
  await root(`/v1/acl/policy/${ID}`, { method: 'DELETE' })
  assert.deepEqual((await root(`/v1/acl/token/${AccessorID}`)).json<TokenJson>().Policies, [])
  const refusals = [
    [{ Name: 'x y', Rules: '' }, /invalid Name/],
    [{ Name: 'x', Rules: 'nonsense' }, /Failed to parse ACL rules/],
    [{ Name: 'global-management', Rules: '' }, /already exists/],
  ] as const
  for (const [body, why] of refusals) {
    const { status, text } = await root('/v1/acl/policy', { method: 'PUT', body })
    assert.equal(status, 400)
    assert.match(text, why)
  }
  const management = '/v1/acl/policy/00000000-0000-0000-0000-000000000001'
  assert.equal((await root(management, { method: 'DELETE' })).status, 400)
  assert.equal((await root(management, { method: 'PUT', body: update })).status, 400)
  assert.equal((await root('/v1/acl/roles')).status, 501)
  assert.equal((await root('/v1/acl/list')).status, 410)
})
