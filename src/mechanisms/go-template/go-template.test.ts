import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { goFunctions } from './functions.ts'
import { parseTemplate } from './parse.ts'
import { sprintf } from './printf.ts'
import { runTemplate } from './run.ts'
import { TemplateError, type TemplateValue } from './values.ts'

const dot: TemplateValue = new Map<string, TemplateValue>([
  ['X', 'x'],
  ['One', 1n],
  ['Half', 0.5],
  ['Million', 1e6],
  ['Empty', ''],
  ['List', ['a', 'b', 'c']],
  ['None', []],
  [
    'Map',
    new Map([
      ['two', '2'],
      ['one', '1'],
    ]),
  ],
])

async function run(source: string): Promise<string> {
  const names = { functions: new Set(goFunctions.keys()), variables: ['$labels'] }
  return runTemplate(parseTemplate(source, names), {
    dot,
    functions: new Map(),
    variables: new Map([['$labels', new Map([['job', 'api']])]]),
  })
}

// What Go's text/template prints for these, by its documentation and its own exec_test.go.
const PRINTED: readonly (readonly [string, string])[] = [
  ['plain', 'plain'],
  ['{{ .X }}', 'x'],
  ['a {{- .X -}} b', 'axb'],
  ['{{ .Half }} {{ .One }} {{ .Million }}', '0.5 1 1e+06'],
  ['{{ .List }} {{ .Map }}', '[a b c] map[one:1 two:2]'],
  ['{{/* nothing */}}{{- /* trimmed */ -}} x', 'x'],
  ['{{ if .Empty }}a{{ else }}b{{ end }}', 'b'],
  ['{{ if eq .X "y" }}a{{ else if eq .X "z" "x" }}b{{ else }}c{{ end }}', 'b'],
  ['{{ with .X }}<{{ . }}>{{ end }}{{ with .Empty }}a{{ else }}b{{ end }}', '<x>b'],
  ['{{ range .List }}{{ . }},{{ end }}', 'a,b,c,'],
  ['{{ range $i, $e := .List }}{{ $i }}{{ $e }}{{ end }}', '0a1b2c'],
  ['{{ range $key, $value := .Map }}{{ $key }}={{ $value }};{{ end }}', 'one=1;two=2;'],
  ['{{ range .None }}a{{ else }}none{{ end }}', 'none'],
  ['{{ range .List }}{{ if eq . "b" }}{{ break }}{{ end }}{{ . }}{{ end }}', 'a'],
  ['{{ range .List }}{{ if eq . "b" }}{{ continue }}{{ end }}{{ . }}{{ end }}', 'ac'],
  ['{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}', '2'],
  ['{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ end }}{{ $x }}', '1'],
  ['{{ define "t" }}[{{ . }}]{{ end }}{{ template "t" .X }}', '[x]'],
  ['{{ $labels.job }}{{ $labels.missing }}{{ $.X }}', 'apix'],
  ['{{ .X | printf "%s-%s" "a" }}', 'a-x'],
  ['{{ (index .List 1) | printf "%q" }}', '"b"'],
  ['{{ len .List }}{{ len "\u00e4" }}{{ index .Map "two" }}{{ slice "abc" 1 2 }}', '322b'],
  ['{{ and .X .Empty }}|{{ or .Empty .X }}|{{ not .Empty }}', '|x|true'],
  ['{{ and .Empty (index .List 9) }}', ''],
  ['{{ print 1 2 "a" 3 }} {{ println "a" "b" }}', '1 2a3 a b\n'],
  ['{{ html "<a b=\'c\'>" }} {{ urlquery "a b&c" }}', '&lt;a b=&#39;c&#39;&gt; a+b%26c'],
  ['{{ lt 1 2 }}{{ ge 0.5 .Half }}{{ ne "a" "b" }}', 'truetruetrue'],
  ['{{ `raw\\n` }}{{ "\\u00e4" }}{{ \'a\' }}', 'raw\\n\u00e497'],
  ['{{ 0x10 }} {{ 1e3 }} {{ -5 }}', '16 1000 -5'],
]

test('templates print what Go prints', async () => {
  for (const [source, text] of PRINTED) assert.equal(await run(source), text, source)
})

test('what Go refuses to read is refused, with its line', () => {
  const names = { functions: new Set(goFunctions.keys()), variables: [] }
  for (const [source, problem] of [
    ['{{ .X', /unclosed action/],
    ['{{ if .X }}', /unexpected EOF/],
    ['{{ end }}', /unexpected \{\{end\}\}/],
    ['a\nb{{ nonsense }}', /^2: function "nonsense" not defined/],
    ['{{ $x }}', /undefined variable "\$x"/],
    ['{{ "a }}', /unterminated quoted string/],
    ['{{ }}', /missing value for command/],
    ['{{ "a" "b" }}', /can't give argument to non-function/],
    ['{{ break }}', /outside \{\{range\}\}/],
    ['{{/* a', /unclosed comment/],
    ['{{ (1 }}', /unclosed left paren/],
    [`${'{{ if true }}'.repeat(200)}${'{{ end }}'.repeat(200)}`, /more than 100 levels/],
  ] as const) {
    assert.throws(
      () => parseTemplate(source, names),
      (error) => error instanceof TemplateError && problem.test(error.message),
      source,
    )
  }
})

test('what cannot be run ends with an error, also what would never end', async () => {
  for (const [source, problem] of [
    ['{{ index .List 5 }}', /index out of range/],
    ['{{ gt .Half 1 }}', /incompatible types for comparison/],
    ['{{ .X.Y }}', /can't evaluate field Y/],
    ['{{ template "none" }}', /not defined/],
    ['{{ define "t" }}{{ template "t" . }}{{ end }}{{ template "t" . }}', /maximum template depth/],
    [
      `{{ define "t" }}${'x'.repeat(9_000)}{{ end }}${'{{ template "t" }}'.repeat(40)}`,
      /more than 262144 characters/,
    ],
  ] as const) {
    await assert.rejects(run(source), problem, source)
  }
})

test('whatever a template is, it ends with a text or an error of its own', async () => {
  const piece = fc.constantFrom(
    '{{',
    '}}',
    '{{-',
    '-}}',
    ' ',
    'if',
    'range',
    'end',
    'else',
    'with',
    '$x',
    ':=',
    '.',
    '.X',
    '|',
    'printf',
    '"%d"',
    '1',
    '(',
    ')',
    '/*',
    '*/',
    'define "a"',
    'template "a"',
    '\n',
    'len',
    "'",
    '`',
  )
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 25 }), async (pieces) => {
      try {
        assert.equal(typeof (await run(pieces.join(''))), 'string')
      } catch (error) {
        assert.ok(error instanceof TemplateError, String(error))
      }
    }),
    { numRuns: 2_000 },
  )
})

test('numbers are printed as Go prints them', () => {
  for (const [format, args, text] of [
    [
      '%d %5d|%-5d|%05d %+d %x %X %b',
      [7n, 7n, 7n, -7n, 7n, 255n, 255n, 5n],
      '7     7|7    |-0007 +7 ff FF 101',
    ],
    ['%f %.2f %.0f %8.3f %+.1f', [1.5, 2.345, 2.5, 3.14159, 1], '1.500000 2.35 2    3.142 +1.0'],
    [
      '%e %.3e %g %.4g %.4g %.4g',
      [1234.5, 1e-7, 1e21, 1234.5, 123456, 0.00001234],
      '1.234500e+03 1.000e-07 1e+21 1234 1.235e+05 1.234e-05',
    ],
    ['%v %s %q %t %%', [0.1, 'a', 'a"b', true], '0.1 a "a\\"b" true %'],
    ['%d %s', ['a', 1n], '%!d(string=a) %!s(int=1)'],
    ['%s', [], '%!s(MISSING)'],
    ['a', ['b'], 'a%!(EXTRA string=b)'],
    ['%.2s|%5s|%x', ['abc', 'ab', 'hi'], 'ab|   ab|6869'],
    ['%v %v', [Infinity, Number.NaN], '+Inf NaN'],
  ] as const) {
    assert.equal(sprintf(format, args), text)
  }
})
