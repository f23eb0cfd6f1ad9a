import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { IssuerOp } from '../../../contracts/issuers.ts'
import type { Clock } from '../../../platform/capability.ts'
import { systemClock } from '../../../platform/clock.ts'
import { issuerSettings, type IssuerSettings } from '../auth-settings.ts'
import { followIssuers } from './issuers.ts'
import type { KeptKeys, KeyStore } from './key-store.ts'
import { readDiscovery, readKeySet } from './key-set.ts'
import { fetchText } from './safe-fetch.ts'

/** A clock whose timers a test fires; deadlines of fetches are real. */
function createClock() {
  const timers = new Set<{ readonly atMs: number; readonly call: () => void }>()
  const time = { nowMs: 1_800_000_000_000 }
  const clock: Clock = {
    ...systemClock,
    nowMs: () => time.nowMs,
    monotonicMs: () => time.nowMs,
    after(delayMs, call) {
      if (delayMs === FETCH_MS) return systemClock.after(delayMs, call)
      const timer = { atMs: time.nowMs + delayMs, call }
      timers.add(timer)
      return () => timers.delete(timer)
    },
  }
  return {
    clock,
    pass: (ms: number): void => {
      time.nowMs += ms
      for (const timer of timers) {
        if (timer.atMs > time.nowMs) continue
        timers.delete(timer)
        timer.call()
      }
    },
  }
}

const FETCH_MS = 317

function jwkOf(kid: string): object {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig' }
}

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await new Promise((resolve) => void server.once('listening', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function settingsOf(given: object): IssuerSettings {
  return { ...issuerSettings.parse({ timeout: `${FETCH_MS}ms`, ...given }) }
}

function start(t: TestContext, folder = '.') {
  const { clock, pass } = createClock()
  const ops: IssuerOp[] = []
  const stored = new Map<string, KeptKeys>()
  const waiting: { count: number; resolve: () => void }[] = []
  const store: KeyStore = {
    load: async () => stored,
    save: async (name, keys) => void stored.set(name, keys),
    forget: async (name) => void stored.delete(name),
  }
  const issuers = followIssuers({
    clock,
    random: () => 0.5,
    log: () => {},
    store,
    folder,
    publish: async (more) => {
      ops.push(...more)
      for (const { count, resolve } of waiting) if (ops.length >= count) resolve()
    },
  })
  t.after(() => issuers.stop())
  return {
    issuers,
    pass,
    stored,
    ops,
    /** Names of the keys in the `count`-th thing that was told. */
    keysAt: async (count: number): Promise<readonly string[]> => {
      if (ops.length < count)
        await new Promise<void>((resolve) => void waiting.push({ count, resolve }))
      const op = ops[count - 1]!
      return op.op === 'issuer' ? op.issuer.keys.map(({ kid }) => kid) : ['gone']
    },
  }
}

test('discovery leads to the keys, they rotate, and an unknown key is asked for within limits', async (t) => {
  let keys = [jwkOf('a')]
  const paths: string[] = []
  const origin = await serve(t, (request, response) => {
    paths.push(request.url!)
    const document = { issuer: `${origin}/realm`, jwks_uri: `${origin}/keys` }
    response.end(JSON.stringify(request.url === '/keys' ? { keys } : document))
  })
  const { issuers, pass, keysAt, ops, stored } = start(t)
  issuers.configure({ shop: settingsOf({ issuer: `${origin}/realm` }) })
  assert.deepEqual(await keysAt(1), [], 'at once, so that routes know that there are none')
  assert.deepEqual(await keysAt(2), ['a'])
  assert.deepEqual(paths, ['/realm/.well-known/openid-configuration', '/keys'])
  assert.deepEqual(
    stored.get('shop')?.keys.map(({ kid }) => kid),
    ['a'],
  )
  keys = [jwkOf('b'), ...keys]
  issuers.wanted('shop')
  assert.equal(paths.length, 2, 'it was asked a moment ago')
  pass(10_000)
  issuers.wanted('shop')
  issuers.wanted('shop')
  issuers.wanted('nobody')
  assert.deepEqual(await keysAt(3), ['b', 'a'])
  keys = keys.slice(0, 1)
  pass(300_000)
  assert.deepEqual(await keysAt(4), ['b'])
  assert.equal(paths.length, 6)
  issuers.configure({})
  assert.deepEqual(await keysAt(5), ['gone'])
  assert.equal(ops.length, 5)
})

const LIES: Readonly<Record<string, RequestListener>> = {
  hangs: () => {},
  'hangs in the body': (_request, response) => void response.write('{"keys":['),
  fails: (_request, response) => void response.writeHead(503).end('{}'),
  'is huge': (_request, response) => void response.end(`{"keys":["${'x'.repeat(400_000)}"]}`),
  'sends another page': (_request, response) => void response.end('<html>'),
  'has no keys': (_request, response) => void response.end('{"keys":[]}'),
  'says it twice': (_request, response) => void response.end('{"keys":[],"keys":[1]}'),
  'has a secret in public': (_request, response) =>
    void response.end('{"keys":[{"kty":"oct","k":"AAAA"}]}'),
  'has too many': (_request, response) =>
    void response.end(JSON.stringify({ keys: Array.from({ length: 200 }, () => ({})) })),
  moves: (_request, response) => void response.writeHead(302, { location: 'http://[::1]/' }).end(),
  'breaks off': (request) => void request.socket.destroy(),
}

for (const [name, listener] of Object.entries(LIES)) {
  test(`a key set that ${name}: the last keys are used, for a while, and the operator is told`, async (t) => {
    let isGood = true
    const origin = await serve(t, (request, response) => {
      if (isGood) response.end(JSON.stringify({ keys: [jwkOf('a')] }))
      else listener(request, response)
    })
    const { issuers, pass, keysAt, stored } = start(t)
    issuers.configure({
      shop: settingsOf({ issuer: 'https://id.example', jwks: `${origin}/keys`, stale: '1h' }),
    })
    assert.deepEqual(await keysAt(2), ['a'])
    isGood = false
    pass(301_000)
    assert.deepEqual(await keysAt(3), ['a'])
    const [problem] = [...issuers.problems()]
    assert.equal(problem?.code, 'ERR_GATEWAY_ISSUER_FETCH')
    assert.equal(problem?.severity, 'warning')
    pass(3_601_000)
    assert.deepEqual(await keysAt(4), [])
    assert.equal([...issuers.problems()][0]?.severity, 'error')
    assert.equal(stored.has('shop'), false)
    isGood = true
    pass(60_000)
    assert.deepEqual(await keysAt(5), ['a'])
    assert.deepEqual([...issuers.problems()], [])
  })
}

test('keys are kept over a restart, of the same issuer only', async (t) => {
  const origin = await serve(t, () => {})
  const { keys } = readKeySet(JSON.stringify({ keys: [jwkOf('old')] }))
  const last = { issuer: 'https://id.example', keys, fetchedAtMs: 1_800_000_000_000 - 1_000 }
  const { issuers, keysAt } = start(t)
  const kept = new Map([
    ['shop', last],
    ['other', last],
  ])
  issuers.configure(
    {
      shop: settingsOf({ issuer: 'https://id.example', jwks: origin }),
      other: settingsOf({ issuer: 'https://other.example', jwks: origin }),
    },
    kept,
  )
  assert.deepEqual(await keysAt(1), ['old'])
  assert.deepEqual(await keysAt(2), [])
})

test('a file and a secret; the secret is in force at once and nowhere stored', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-keys-'))
  t.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'keys.json'), JSON.stringify({ keys: [jwkOf('filed')] }))
  const { issuers, keysAt, ops, stored } = start(t, folder)
  const hmac = { ...settingsOf({ issuer: 'hs' }), secret: 's'.repeat(40) } as IssuerSettings
  issuers.configure({ hmac })
  const [first] = ops
  assert.ok(first?.op === 'issuer' && first.issuer.keys[0]?.alg === 'HS256')
  assert.deepEqual(await keysAt(2), [''])
  issuers.configure({ hmac, filed: settingsOf({ issuer: 'f', jwksFile: 'keys.json' }) })
  assert.deepEqual(await keysAt(4), ['filed'])
  assert.deepEqual([...stored.keys()], ['filed'])
})

test('a discovery document of another issuer is not believed', () => {
  const document = JSON.stringify({ issuer: 'https://a.example/', jwks_uri: 'https://a.example/k' })
  assert.throws(() => readDiscovery(document, 'https://a.example'), /another issuer/)
  assert.throws(
    () => readDiscovery('{"issuer":"https://a.example"}', 'https://a.example'),
    /no jwks_uri/,
  )
})

test('what a foreign document names may not lead into this network', async () => {
  const fetch = (url: string): Promise<string> =>
    fetchText({
      url: new URL(url),
      timeoutMs: 2_000,
      bodyBytesMax: 1_000,
      isForeign: true,
      clock: systemClock,
    })
  for (const url of [
    'https://127.0.0.1/keys',
    'https://[::1]/keys',
    'https://[::ffff:127.0.0.1]/keys',
    'https://169.254.169.254/latest/meta-data',
    'https://10.1.2.3/keys',
    'https://2130706433/keys',
    'https://localhost/keys',
  ]) {
    await assert.rejects(fetch(url), /inside of this network/, url)
  }
  await assert.rejects(fetch('http://127.0.0.1/keys'), /is not https/)
  await assert.rejects(fetch('file:///etc/passwd'), /is not https/)
})
