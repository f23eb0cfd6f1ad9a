import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { labelsOf } from '../labels/labels.ts'
import { isDue } from './due.ts'
import { fingerprintOf } from './fingerprint.ts'
import { compileInhibit, inhibitorOf } from './inhibit.ts'
import { formatMatcher, MatcherTextError, parseMatcherText } from './matcher-text.ts'
import { compileRoute, groupLabelsOf, type RouteSpec, routesOf } from './route.ts'

function route(receiver: string, more: Partial<RouteSpec> & { match?: readonly string[] } = {}) {
  const { match = [], ...rest } = more
  return {
    matchers: match.map(parseMatcherText),
    receiver,
    groupBy: ['alertname'],
    groupWaitMs: 0,
    groupIntervalMs: 0,
    repeatIntervalMs: 0,
    continues: false,
    routes: [],
    ...rest,
  } satisfies RouteSpec
}

const labels = (pairs: Readonly<Record<string, string>>) => labelsOf(Object.entries(pairs))

test('matchers are read as Alertmanager reads them, and what is written is read back', () => {
  const cases = [
    ['severity=page', '=', 'page'],
    [' severity = "a b" ', '=', 'a b'],
    ['a=~"x|y"', '=~', 'x|y'],
    ['a!~x', '!~', 'x'],
    ['a!=""', '!=', ''],
    ['a="\\"q\\"\\n"', '=', '"q"\n'],
  ] as const
  for (const [text, kind, value] of cases) {
    const matcher = parseMatcherText(text)
    assert.deepEqual([matcher.kind, matcher.value], [kind, value], text)
  }
  for (const text of ['', 'a', '=b', 'a="b', 'a=b"c', '{a="b"}', 'a==b c']) {
    assert.throws(() => parseMatcherText(text), MatcherTextError, text)
  }
  fc.assert(
    fc.property(fc.constantFrom('=', '!=', '=~', '!~'), fc.string(), (kind, value) => {
      const matcher = { name: 'a', kind: kind as '=', value }
      assert.deepEqual(parseMatcherText(formatMatcher(matcher)), matcher)
    }),
  )
})

test('an alert takes the deepest routes that match, and goes on only where a route says so', () => {
  const tree = compileRoute(
    route('all', {
      routes: [
        route('log', { match: ['severity=~"page|ticket"'], continues: true }),
        route('pages', {
          match: ['severity="page"'],
          routes: [route('shop', { match: ['service="shop"'] })],
        }),
        route('never', { match: ['severity="page"'] }),
      ],
    }),
  )
  const taken = (pairs: Readonly<Record<string, string>>) =>
    routesOf(tree, labels(pairs)).map(({ receiver }) => receiver)
  assert.deepEqual(taken({}), ['all'])
  assert.deepEqual(taken({ severity: 'ticket' }), ['log'])
  assert.deepEqual(taken({ severity: 'page' }), ['log', 'pages'])
  assert.deepEqual(taken({ severity: 'page', service: 'shop' }), ['log', 'shop'])
  assert.equal(groupLabelsOf(tree, labels({ alertname: 'A', b: 'c' })).names.join(), 'alertname')
  assert.equal(groupLabelsOf({ groupBy: ['...'] }, labels({ a: '1', b: '2' })).names.length, 2)
})

test('an alert is inhibited by a firing one that agrees with it, and never by itself or one like it', () => {
  const matcher = (text: string) => [parseMatcherText(text)]
  const rules = [
    compileInhibit({
      source: matcher('severity="page"'),
      target: matcher('severity=~"page|ticket"'),
      equal: ['service'],
    }),
  ]
  const page = labels({ severity: 'page', service: 'shop' })
  const other = labels({ severity: 'page', service: 'shop', instance: 'b' })
  const ticket = labels({ severity: 'ticket', service: 'shop' })
  const elsewhere = labels({ severity: 'ticket', service: 'web' })
  const firing = [page, other, ticket, elsewhere]
  assert.equal(inhibitorOf(ticket, firing, rules), page)
  assert.equal(inhibitorOf(elsewhere, firing, rules), undefined)
  assert.equal(inhibitorOf(page, firing, rules), undefined)
})

test('a receiver is told of what is new, what is over, and again after a while', () => {
  const options = { sendsResolved: true, repeatIntervalMs: 100 }
  const told = { atMs: 0, firing: ['a', 'b'] }
  assert.equal(isDue(undefined, { firing: [], resolved: ['a'] }, options, 0), false)
  assert.equal(isDue(undefined, { firing: ['a'], resolved: [] }, options, 0), true)
  assert.equal(isDue(told, { firing: ['a', 'b'], resolved: [] }, options, 99), false)
  assert.equal(isDue(told, { firing: ['a', 'b'], resolved: [] }, options, 100), true)
  assert.equal(isDue(told, { firing: ['a', 'c'], resolved: [] }, options, 1), true)
  assert.equal(isDue(told, { firing: ['a'], resolved: ['b'] }, options, 1), true)
  assert.equal(isDue(told, { firing: ['a'], resolved: ['c'] }, options, 1), false)
  const quiet = { ...options, sendsResolved: false }
  assert.equal(isDue(told, { firing: ['a'], resolved: ['b'] }, quiet, 1), false)
})

test('fingerprints are those of Prometheus', () => {
  // FNV-1a with 64 bits of nothing, and of name and value with a byte of 255 behind each.
  assert.equal(fingerprintOf(labels({})), 'cbf29ce484222325')
  const one = fingerprintOf(labels({ alertname: 'Down', instance: 'a' }))
  assert.match(one, /^[0-9a-f]{16}$/)
  assert.notEqual(one, fingerprintOf(labels({ alertname: 'Down', instance: 'b' })))
})
