import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compileFilter, fieldsOf } from './compile.ts'
import { BexprError, type Expression } from './expression.ts'
import { parseExpression } from './parse.ts'

/** The expression with everything in brackets, to be compared with what was meant. */
function show(expression: Expression): string {
  switch (expression.kind) {
    case 'term': {
      const { path, operator, isNegated, value } = expression
      return `${path.join('|')}${isNegated ? ' not' : ''} ${operator} <${value}>`
    }
    case 'not':
      return `(not ${show(expression.operand)})`
    case 'and':
    case 'or':
      return `(${expression.operands.map(show).join(` ${expression.kind} `)})`
  }
}

/** Cases of go-bexpr's own grammar tests, in our notation. */
const parsed: readonly (readonly [text: string, meaning: string])[] = [
  ['foo == 3', 'foo equal <3>'],
  ['"/foo" == 3', 'foo equal <3>'],
  ['"/hy-phen/under_score/pi|pe/do.t" == 3', 'hy-phen|under_score|pi|pe|do.t equal <3>'],
  ['foo != xyz', 'foo not equal <xyz>'],
  ['list is empty', 'list empty <>'],
  ['list is not empty', 'list not empty <>'],
  ['foo in bar', 'bar in <foo>'],
  ['foo not in bar', 'bar not in <foo>'],
  ['bar contains foo', 'bar in <foo>'],
  ['bar not contains foo', 'bar not in <foo>'],
  ['foo matches bar', 'foo matches <bar>'],
  ['foo not matches bar', 'foo not matches <bar>'],
  ['not prod in tags', '(not tags in <prod>)'],
  ['not not a == b', '(not (not a equal <b>))'],
  ['port != 80 and port != 8080', '(port not equal <80> and port not equal <8080>)'],
  ['port == 80 or port == 443', '(port equal <80> or port equal <443>)'],
  ['foo == "bar"', 'foo equal <bar>'],
  ['foo == `bar`', 'foo equal <bar>'],
  ['`foo` not in bar', 'bar not in <foo>'],
  [
    'x in foo and not str == something or list is empty',
    '((foo in <x> and (not str equal <something>)) or list empty <>)',
  ],
  [
    'x in foo and not (str == something or list is empty)',
    '(foo in <x> and (not (str equal <something> or list empty <>)))',
  ],
  ['\t\r\n ( \t\r\n foo \t\r\n == \t\r\n x \t\r\n ) \t\r\n', 'foo equal <x>'],
  ['foo==x and y!="z"', '(foo equal <x> and y not equal <z>)'],
  ['`environment` in foo.bar["meta"].tags[\t`ENV` ]', 'foo|bar|meta|tags|ENV in <environment>'],
  ['environment in foo["abc-def ghi åß∂ƒ"]', 'foo|abc-def ghi åß∂ƒ in <environment>'],
  ['foo == -0.2', 'foo equal <-0.2>'],
  ['foo == "a\\tb\\u0041\\\\"', 'foo equal <a\tbA\\>'],
  ['(a == b) and (c == d)', '(a equal <b> and c equal <d>)'],
  ['foo == a.b', 'foo equal <a.b>'],
]

test('expressions mean what go-bexpr takes them for', () => {
  for (const [text, meaning] of parsed) assert.equal(show(parseExpression(text)), meaning, text)
})

test('what is no expression is refused, with the place and the reason', () => {
  const refused: readonly (readonly [text: string, why: RegExp])[] = [
    ['', /1:1/],
    ['foo == "12x', /Unterminated string literal/],
    ['foo == `12x', /Unterminated string literal/],
    ['foo == 3x', /1:9 \(8\): Invalid number literal/],
    ['foo[3] == abc', /1:5 \(4\): Invalid index/],
    ['x in foo["abc"', /1:15 \(14\): Unclosed index expression/],
    ['x in 32', /1:6 \(5\): Invalid selector/],
    ['32 == 32', /1:3 .*operator/],
    ['x in foo abc', /1:10 .*"and", "or"/],
    ['x in foo and ', /value|"and"/],
    ['(foo == 4', /Unmatched parentheses/],
    ['foo == 4)', /"and", "or"/],
    ['foo == "\\q"', /invalid escape/],
    ['foo. == 1', /a name/],
    ['x'.repeat(9_000), /filterCharactersMax/],
    ['('.repeat(60) + 'a == b' + ')'.repeat(60), /filterDepthMax/],
    [Array(201).fill('a == b').join(' or '), /filterTermsMax/],
  ]
  for (const [text, why] of refused) {
    assert.throws(() => parseExpression(text), { name: 'BexprError', message: why }, text)
  }
})

const shape = fieldsOf({
  Service: 'text',
  Port: 'number',
  Enable: 'flag',
  Tags: { list: 'text' },
  Meta: { map: 'text' },
  Node: fieldsOf({ Name: 'text', Meta: { map: 'text' } }),
  Checks: { list: fieldsOf({ Status: 'text' }) },
})
const value = {
  Service: 'web',
  Port: 80,
  Enable: true,
  Tags: ['v1', 'blue'],
  Meta: { version: '2', 'has-dash': 'x', empty: '' },
  Node: { Name: 'n1', Meta: {} },
  Checks: [],
}

test('filters say of a value what Consul says of it', () => {
  const truths: Readonly<Record<string, boolean>> = {
    'Service == web': true,
    'Service != web': false,
    'Service contains "e"': true,
    'Service matches "^w.b$"': true,
    'Service matches "e"': true,
    'Service not matches "^x"': true,
    'Port == 80': true,
    'Port == 8080': false,
    'Enable == true': true,
    'Enable == f': false,
    'blue in Tags': true,
    'Tags contains blu': false,
    'Tags is not empty': true,
    'Checks is empty': true,
    'Meta.version == 2': true,
    'Meta["has-dash"] == x': true,
    '"/Meta/has-dash" == x': true,
    'Meta.none == ""': false,
    'Meta.none != x': true,
    'Meta.none is empty': true,
    'Meta.empty is empty': true,
    'Meta.version is not empty': true,
    'x in Meta.none': false,
    'x not in Meta.none': true,
    'Meta.none matches ".*"': false,
    'version in Meta': true,
    'Meta contains constructor': false,
    'Meta.constructor is empty': true,
    'Node.Meta is empty': true,
    'Node.Name == n1 and (Service == api or v1 in Tags)': true,
  }
  for (const [text, wanted] of Object.entries(truths)) {
    assert.equal(compileFilter(text, shape)(value), wanted, text)
  }
})

test('a selector or an operator that does not fit is refused before anything is filtered', () => {
  const refused = [
    'Foo == 1',
    'Service.Name == x',
    'Node == x',
    'Tags == x',
    'Meta == x',
    'Port is empty',
    'Port matches x',
    'Port == many',
    'Enable == perhaps',
    'x in Port',
    'x in Checks',
    'Service matches "("',
    'constructor == 1',
  ]
  for (const text of refused) assert.throws(() => compileFilter(text, shape), BexprError, text)
})

test('any text is a filter or is refused, soon', () => {
  const word = fc.constantFrom(
    'Service',
    'Tags',
    '==',
    'in',
    'not',
    'and',
    'or',
    '(',
    ')',
    'is',
    'empty',
    ' ',
    '"a"',
    '`',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(word).map((words) => words.join(' ')),
        fc.string(),
      ),
      (text) => {
        try {
          assert.equal(typeof compileFilter(text, shape)(value), 'boolean')
        } catch (error) {
          assert.ok(error instanceof BexprError, String(error))
        }
      },
    ),
    { numRuns: 1_000 },
  )
})
