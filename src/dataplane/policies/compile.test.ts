import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PolicySpec } from '../../contracts/policies.ts'
import { createResponseHead } from '../../mechanisms/http1/response-head.ts'
import { chainPolicies, PolicyKindError, ranOf, verdictOf } from './compile.ts'
import { type Policy, type PolicyTicket, VERDICT, type Verdict } from './policy.ts'
import { POLICIES, POLICY_ORDER } from './table.ts'
import { FakeExchange } from './testing/fake-exchange.ts'
import { compileAlone } from './testing/ground.ts'

const source = 'backplane.yaml:7'
const specs: readonly PolicySpec[] = [
  {
    kind: 'respond',
    source,
    spec: { status: 200, body: 'ok', contentType: 'text/plain', headers: [] },
  },
  { kind: 'redirect', source, spec: { to: '/x', path: '/**', status: 307 } },
  { kind: 'ip', source, spec: { allow: [], deny: [] } },
  { kind: 'fault', source, spec: {} },
  {
    kind: 'quota',
    source,
    spec: { name: 'a', scope: 'a', by: 'subject', requests: 1, per: 'day' },
  },
  {
    kind: 'rewrite',
    source,
    spec: { pattern: '/**', path: '', query: { set: [], remove: [] }, headers: [] },
  },
  { kind: 'mirror', source, spec: { service: 'a', share: 0 } },
  { kind: 'compress', source, spec: { encodings: ['gzip'], types: ['text/*'], bytesMin: 0 } },
  {
    kind: 'auth',
    source,
    spec: { needs: 'any', ways: [], realm: 'a', forward: [], passesCredentials: true },
  },
  {
    kind: 'headers',
    source,
    spec: {
      request: { set: [['x-team', 'a']], add: [], remove: ['cookie'] },
      response: { set: [], add: [['x-frame-options', 'DENY']], remove: ['server'] },
    },
  },
  {
    kind: 'limit',
    source,
    spec: { name: 'route', scope: 'a', perSecond: 1, rate: '1/s', burst: 1, by: 'route' },
  },
  {
    kind: 'cors',
    source,
    spec: {
      origins: ['https://a.example'],
      methods: ['GET'],
      exposes: [],
      credentials: false,
      maxAgeSeconds: 5,
      passesOptions: true,
    },
  },
]

test('policies run in the order of the table, whatever the order in the file', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([...specs], { minLength: 1 }), (given) => {
      const { list } = compileAlone(given)
      const kinds = list.map(({ kind }) => kind)
      assert.deepEqual(
        kinds,
        POLICY_ORDER.filter((kind) => given.some((spec) => spec.kind === kind)),
      )
    }),
  )
})

test('several of a kind keep their order', () => {
  const limit = (name: string): PolicySpec => ({
    kind: 'limit',
    source: name,
    spec: { name, scope: name, perSecond: 1, rate: '1/s', burst: 1, by: 'route' },
  })
  const { sources } = compileAlone([limit('b'), specs[0]!, limit('a')])
  assert.deepEqual(sources, ['b', 'a', source])
})

test('each kind has exactly the hooks that the table says', () => {
  for (const spec of specs) {
    const [policy] = compileAlone([spec]).list
    const hooks = (['request', 'response', 'end'] as const).filter((hook) => policy![hook])
    assert.deepEqual(hooks, POLICIES[spec.kind].hooks, spec.kind)
    assert.equal(policy!.kind, spec.kind)
  }
  assert.deepEqual(new Set(specs.map(({ kind }) => kind)), new Set(POLICY_ORDER))
})

test('the guide shows the order of the table', () => {
  const guide = readFileSync(join(import.meta.dirname, '../../../docs/guides/policies.md'), 'utf8')
  const rows = [...guide.matchAll(/^\|\s+\d+\s+\|\s+`(\w+)`\s+\|/gm)].map((match) => match[1])
  assert.deepEqual(rows, POLICY_ORDER)
})

test('what is known beforehand is merged: fields that are dropped, lines that are fixed', () => {
  const compiled = compileAlone(specs)
  assert.deepEqual(compiled.dropsRequestFields, ['x-team', 'cookie'])
  assert.ok(compiled.dropsResponseFields.includes('server'))
  assert.ok(compiled.dropsResponseFields.includes('access-control-allow-origin'))
  assert.equal(compiled.fixedRequestLines, 'x-team: a\r\n')
  assert.equal(
    compiled.fixedResponseLines,
    'ratelimit-policy: "route";q=1;w=1\r\nx-frame-options: DENY\r\n',
  )
})

test('a chain without policies goes on', () => {
  const compiled = compileAlone([])
  const step = compiled.run(new FakeExchange(), 0)
  assert.deepEqual([verdictOf(step), ranOf(step)], [VERDICT.go, 0])
  compiled.end(ranOf(step), 200, 1)
})

test('a kind that this data plane does not know is named', () => {
  const newer = [{ kind: 'constructor', source, spec: {} }] as unknown as PolicySpec[]
  assert.throws(
    () => compileAlone(newer),
    (error) => error instanceof PolicyKindError && error.kind === 'constructor',
  )
})

/** A policy that writes down its calls. */
function spy(name: string, verdict: Verdict, hooks: string, calls: string[]): Policy {
  return {
    kind: name,
    ...(hooks.includes('q') && {
      request: () => {
        calls.push(`${name} request`)
        return verdict
      },
    }),
    ...(hooks.includes('r') && { response: () => void calls.push(`${name} response`) }),
    ...(hooks.includes('e') && { end: (status) => void calls.push(`${name} end ${status}`) }),
  }
}

test('any chain: requests in order up to the first that stops, each of them ended once, answers in reverse', () => {
  const entry = fc.record({
    verdict: fc.constantFrom(VERDICT.go, VERDICT.go, VERDICT.go, VERDICT.answer, VERDICT.pending),
    hooks: fc.constantFrom('q', 'qe', 'r', 'qr', 'qre', ''),
  })
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 8 }), (entries) => {
      const calls: string[] = []
      const list = entries.map(({ verdict, hooks }, at) => spy(String(at), verdict, hooks, calls))
      const chain = chainPolicies(list, [], true)
      const asked = list.filter((policy) => policy.request !== undefined)
      const verdicts = entries.filter(({ hooks }) => hooks.includes('q'))
      // A pending policy goes on at once: the chain runs on behind it.
      let step = chain.run(new FakeExchange(), 0)
      while (verdictOf(step) === VERDICT.pending) step = chain.run(new FakeExchange(), ranOf(step))
      const stop = verdicts.findIndex(({ verdict }) => verdict === VERDICT.answer)
      const ran = stop < 0 ? asked.length : stop + 1
      assert.equal(ranOf(step), ran)
      assert.equal(verdictOf(step), stop < 0 ? VERDICT.go : VERDICT.answer)
      assert.deepEqual(
        calls.splice(0),
        asked.slice(0, ran).map(({ kind }) => `${kind} request`),
      )
      chain.response(new FakeExchange(), createResponseHead(1), new Uint8Array())
      assert.deepEqual(
        calls.splice(0),
        list
          .filter((policy) => policy.response !== undefined)
          .toReversed()
          .map(({ kind }) => `${kind} response`),
      )
      chain.end(ranOf(step), 204, 1)
      assert.deepEqual(
        calls,
        asked
          .slice(0, ran)
          .filter((policy) => policy.end !== undefined)
          .map(({ kind }) => `${kind} end 204`),
      )
      assert.equal(
        chain.hasResponse,
        list.some((policy) => policy.response !== undefined),
      )
    }),
  )
})

test('a pending policy: the request goes on behind it, once, and not after its client has gone', () => {
  const tickets: PolicyTicket[] = []
  const ends: string[] = []
  const calls: string[] = []
  const asking: Policy = {
    kind: 'asking',
    request(exchange) {
      tickets.push(exchange.suspend((why) => void ends.push(why)))
      return VERDICT.pending
    },
  }
  const chain = chainPolicies(
    [spy('before', VERDICT.go, 'qe', calls), asking, spy('behind', VERDICT.go, 'qe', calls)],
    [],
    true,
  )
  const resumed = new FakeExchange()
  const gone = new FakeExchange()
  const step = chain.run(resumed, 0)
  chain.run(gone, 0)
  assert.equal(verdictOf(step), VERDICT.pending)
  assert.deepEqual(calls.splice(0), ['before request', 'before request'])

  assert.equal(tickets[0]!.resume({ verdict: VERDICT.go, requestLines: 'x-user: 7\r\n' }), true)
  assert.equal(tickets[0]!.resume({ verdict: VERDICT.go }), false)
  assert.equal(resumed.ticket!.cancel('deadline'), false)
  // Only queued: the exchange goes on when its turn comes.
  assert.deepEqual(calls, [])
  assert.deepEqual(resumed.decision, { verdict: VERDICT.go, requestLines: 'x-user: 7\r\n' })
  assert.equal(ranOf(chain.run(resumed, ranOf(step))), 3)
  assert.deepEqual(calls.splice(0), ['behind request'])

  assert.equal(gone.ticket!.cancel('client-gone'), true)
  assert.equal(tickets[1]!.isOpen, false)
  assert.equal(tickets[1]!.resume({ verdict: VERDICT.go }), false)
  assert.equal(gone.decision, undefined)
  assert.deepEqual(ends, ['client-gone'])
  chain.end(ranOf(step), 0, 1)
  assert.deepEqual(calls, ['before end 0'])
})
