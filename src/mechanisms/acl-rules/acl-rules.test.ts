import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createDecisions } from './decide.ts'
import { parseRules } from './parse-rules.ts'
import { RulesError, type Level, type Rule } from './rule.ts'

test('HCL and JSON say the same', () => {
  const hcl = `
    # keys of the team
    key_prefix "team/" { policy = "write" }
    key "team/secret" {
      policy = "deny" // not this one
    }
    service "web" { policy = "write", intentions = "read" }
    "service_prefix" "" { policy = "read" } /* all */
    operator = "read"
  `
  const json = JSON.stringify({
    key_prefix: { 'team/': { policy: 'write' } },
    key: [{ 'team/secret': [{ policy: 'deny' }] }],
    service: { web: { policy: 'write', intentions: 'read' } },
    service_prefix: { '': { policy: 'read' } },
    operator: 'read',
  })
  const wanted: Rule[] = [
    { resource: 'key', match: 'prefix', name: 'team/', level: 'write' },
    { resource: 'key', match: 'exact', name: 'team/secret', level: 'deny' },
    { resource: 'service', match: 'exact', name: 'web', level: 'write' },
    { resource: 'service', match: 'prefix', name: '', level: 'read' },
    { resource: 'operator', match: 'single', name: '', level: 'read' },
  ]
  assert.deepEqual(parseRules(hcl), wanted)
  assert.deepEqual(parseRules(json), wanted)
  assert.deepEqual(parseRules('  '), [])
})

test('what is not a rule is refused with its place', () => {
  for (const [text, why] of [
    ['key "a" { policy = "maybe" }', /key has no policy "maybe"/],
    ['service "a" { policy = "list" }', /no policy "list"/],
    ['keys "a" { policy = "read" }', /no resource "keys"/],
    ['key "a" {\n policy "read" }', /line 2: "=" was expected/],
    ['key "a" { policy = "read"', /a name was expected/],
    ['key { policy = "read" }', /a text in quotes/],
    ['operator "x" { policy = "read" }', /operator has one policy/],
    ['key = "read"', /needs a name/],
    ['{"key":', /JSON/],
    ['{"key":1}', /must be objects/],
    ['x'.repeat(70_000), /longer/],
    ['operator = "read"\n'.repeat(1_100), /more than 1000/],
  ] as const) {
    assert.throws(() => parseRules(text), why, text.slice(0, 40))
  }
})

test('whatever the text is, it is read or refused', () => {
  const pieces = fc.constantFrom(
    'key',
    'key_prefix',
    '"a"',
    '{',
    '}',
    '=',
    'policy',
    '"read"',
    '#',
    '\n',
    '/*',
    '\\',
    '"',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(pieces).map((all) => all.join(' ')),
      ),
      (text) => {
        try {
          parseRules(text)
        } catch (error) {
          assert.ok(error instanceof RulesError, String(error))
        }
      },
    ),
  )
})

const level = fc.constantFrom<Level>('deny', 'read', 'list', 'write')
const name = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 3 })
const anyRule: fc.Arbitrary<Rule> = fc.record({
  resource: fc.constant('key'),
  match: fc.constantFrom('exact' as const, 'prefix' as const),
  name,
  level,
})

/** By looking at every rule. */
function obviously(rules: readonly Rule[], asked: string): Level | undefined {
  const fitting = rules.filter((one) =>
    one.match === 'exact' ? one.name === asked : asked.startsWith(one.name),
  )
  const best = fitting.toSorted(
    (a, b) =>
      Number(b.match === 'exact') - Number(a.match === 'exact') || b.name.length - a.name.length,
  )[0]
  if (best === undefined) return undefined
  const same = fitting.filter((one) => one.match === best.match && one.name === best.name)
  return (['deny', 'write', 'list', 'read'] as const).find((one) =>
    same.some((rule) => rule.level === one),
  )
}

test('it decides as a look at every rule does', () => {
  fc.assert(
    fc.property(fc.array(anyRule, { maxLength: 8 }), name, (rules, asked) => {
      assert.equal(createDecisions(rules).levelOf('key', asked), obviously(rules, asked))
      assert.equal(createDecisions(rules).levelOf('node', asked), undefined)
    }),
  )
})

test('who may write below a prefix may write every name below it', () => {
  fc.assert(
    fc.property(fc.array(anyRule, { maxLength: 6 }), name, name, (rules, prefix, rest) => {
      const decisions = createDecisions(rules)
      if (decisions.mayWriteBelow('key', prefix) !== true) return
      assert.equal(decisions.levelOf('key', prefix + rest), 'write')
    }),
  )
})
