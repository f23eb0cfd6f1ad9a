import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { ExpositionError } from './exposition-error.ts'
import { OpenMetricsReader } from './openmetrics.ts'
import type { ExpositionReader } from './reader.ts'
import { LABELS_MAX } from './scanner.ts'
import { parseSeriesText } from './series-text.ts'
import { TextReader } from './text.ts'

const vectors = '../shared/data/openmetrics/parsers'
const skip = existsSync(vectors) ? false : 'the vectors of OpenMetrics are not beside the project'

/** Everything that a reader finds, as lines. */
function readAll(bytes: Uint8Array, reader: ExpositionReader): readonly string[] {
  const lines: string[] = []
  for (;;) {
    const entry = reader.next()
    if (entry.kind === 'end') return lines
    if (entry.kind !== 'sample') {
      lines.push(JSON.stringify(entry))
      continue
    }
    const { names, values } = parseSeriesText(bytes, reader.seriesStart, reader.seriesEnd)
    const labels = names.map((name, at) => `${name}=${values[at]}`).join(' ')
    const { value, timeMs, exemplar } = reader
    const time = Number.isNaN(timeMs) ? '' : ` @${timeMs}`
    const points = exemplar === undefined ? '' : ` # ${JSON.stringify(exemplar)}`
    lines.push(`${labels} ${Object.is(value, -0) ? '-0' : value}${time}${points}`)
  }
}

const text = (exposition: string): readonly string[] => {
  const bytes = Buffer.from(exposition)
  return readAll(bytes, new TextReader(bytes))
}
const openMetrics = (exposition: string): readonly string[] => {
  const bytes = Buffer.from(exposition)
  return readAll(bytes, new OpenMetricsReader(bytes))
}

test('the verdict on every case of OpenMetrics is the right one', { skip }, () => {
  const wrong: string[] = []
  const folders = readdirSync(vectors)
  for (const folder of folders) {
    const bytes = readFileSync(`${vectors}/${folder}/metrics`)
    const { shouldParse } = JSON.parse(readFileSync(`${vectors}/${folder}/test.json`, 'utf8')) as {
      shouldParse: boolean
    }
    let problem = ''
    try {
      readAll(bytes, new OpenMetricsReader(bytes))
    } catch (error) {
      assert.ok(error instanceof ExpositionError, `${folder}: ${String(error)}`)
      problem = error.message
    }
    if (shouldParse !== (problem === '')) wrong.push(`${folder} ${problem}`)
  }
  assert.equal(folders.length, 211)
  assert.deepEqual(wrong, [])
})

test('the text format as Prometheus reads it', () => {
  const exposition = String.raw`# HELP http_requests The\nnumber of \\requests \"x\".
# TYPE http_requests counter

# just a comment
http_requests{code="200",path="C:\\DIR\n\"x\" \é"} 1027 1395066363000
http_requests { code = "400" , path="/", empty="" , }	3.5e2
  spaced 1
no_labels{} +Inf
:colon{le="+Inf"}5 -5
nan NaN
minus -0
# TYPE later untyped
{"my.metric","my.label"="x",b="y"} .5
last 1e400`
  assert.deepEqual(text(exposition), [
    '{"kind":"help","name":"http_requests","text":"The\\nnumber of \\\\requests \\\\\\"x\\\\\\"."}',
    '{"kind":"type","name":"http_requests","type":"counter"}',
    '__name__=http_requests code=200 path=C:\\DIR\n"x" \\é 1027 @1395066363000',
    '__name__=http_requests code=400 path=/ 350',
    '__name__=spaced 1',
    '__name__=no_labels Infinity',
    '__name__=:colon le=+Inf 5 @-5',
    '__name__=nan NaN',
    '__name__=minus -0',
    '{"kind":"type","name":"later","type":"unknown"}',
    '__name__=my.metric b=y my.label=x 0.5',
    '__name__=last Infinity',
  ])
  assert.deepEqual(text('a 1\r\nb{c="d"} 2 3\r\n\r\n'), ['__name__=a 1', '__name__=b c=d 2 @3'])
  assert.deepEqual(text(''), [])
})

test('what is no text format is refused, with the line and what was expected', () => {
  const refused: readonly (readonly [string, RegExp])[] = [
    ['a\n', /expected value after metric, got "\\n" while parsing: "a\\n" \(line 1\)/],
    ['a 1\nb x\n', /line 2/],
    ['a 1 1.5\n', /expected timestamp or new record/],
    ['a 1 1 1\n', /expected next entry after timestamp/],
    ['a 0x1p3\n', /expected value/],
    ['a 1_000\n', /expected value/],
    ['a{b="c} 1\n', /expected the end of a quoted text/],
    ['a{b="c"d="e"} 1\n', /expected comma or brace close/],
    ['a{b="c",b="d"} 1\n', /label name "b" is not unique/],
    ['a{1="c"} 1\n', /expected label name/],
    ['a{b} 1\n', /expected equal/],
    ['{b="c"} 1\n', /metric name not set/],
    ['{"a","b"} 1\n', /expected equal/],
    ['1a 1\n', /expected a valid start token/],
    ['# TYPE a nonsense\n', /invalid metric type/],
    ['# TYPE\n', /expected metric name after TYPE/],
    ['<html>\n', /expected a valid start token, got "<"/],
    [`a ${'1'.repeat(600)}\n`, /expected value/],
    ['a 1 99999999999999999999\n', /expected timestamp/],
    [
      `a{${Array.from({ length: LABELS_MAX + 1 }, (_, at) => `l${at}="x"`).join(',')}} 1\n`,
      /more than 256 labels/,
    ],
    [`a{b="${'x'.repeat(1024 * 1024)}"} 1\n`, /a line of more than/],
  ]
  for (const [exposition, expected] of refused) {
    assert.throws(() => text(exposition), expected, exposition.slice(0, 50))
  }
  const latin = Buffer.from('a{b="\xff"} 1\n', 'latin1')
  assert.throws(() => readAll(latin, new TextReader(latin)), /invalid UTF-8 label value/)
})

test('OpenMetrics with exemplars, units and quoted names', () => {
  const exposition = `# TYPE req_seconds histogram
# UNIT req_seconds seconds
# HELP req_seconds Time "of" a \\\\ request.
req_seconds_bucket{route="/",le="0.1"} 8 1.5 # {trace_id="abc"} 0.067 1.123
req_seconds_bucket{route="/",le="+Inf"} 9 1.5 # {} 4
req_seconds_count{route="/"} 9 1.5
req_seconds_sum{route="/"} 4.5 1.5
# TYPE "my.gauge" gauge
{"my.gauge",x="y"} 1
# EOF
`
  assert.deepEqual(openMetrics(exposition), [
    '{"kind":"type","name":"req_seconds","type":"histogram"}',
    '{"kind":"unit","name":"req_seconds","text":"seconds"}',
    '{"kind":"help","name":"req_seconds","text":"Time \\"of\\" a \\\\ request."}',
    '__name__=req_seconds_bucket le=0.1 route=/ 8 @1500 # {"labels":[["trace_id","abc"]],"value":0.067,"timeMs":1123}',
    '__name__=req_seconds_bucket le=+Inf route=/ 9 @1500 # {"labels":[],"value":4}',
    '__name__=req_seconds_count route=/ 9 @1500',
    '__name__=req_seconds_sum route=/ 4.5 @1500',
    '{"kind":"type","name":"my.gauge","type":"gauge"}',
    '__name__=my.gauge x=y 1',
  ])
  assert.throws(() => openMetrics(''), /data does not end with # EOF/)
  assert.throws(() => openMetrics('a 1\n# EOF\nb 1\n'), /unexpected data after # EOF/)
})

const numbers = fc.oneof(
  fc.double().map(String),
  fc.integer().map(String),
  fc.tuple(fc.bigInt(), fc.nat(40)).map(([whole, point]) => {
    const digits = String(whole)
    return point < digits.length
      ? `${digits.slice(0, point + 1)}.${digits.slice(point + 1)}`
      : digits
  }),
)

test('numbers are read as JavaScript reads them', () => {
  fc.assert(
    fc.property(numbers, (given) => {
      const [line] = text(`a ${given}\n`)
      const expected = Number(given)
      assert.equal(line, `__name__=a ${Object.is(expected, -0) ? '-0' : expected}`)
    }),
    { numRuns: 1_000 },
  )
})

test('whatever bytes come, they are read or refused', () => {
  const pieces = fc.constantFrom(
    'a',
    '{',
    '}',
    '"',
    '\\',
    '\n',
    ' ',
    '#',
    ',',
    '=',
    '1',
    '.',
    '# TYPE a counter\n',
    '# EOF\n',
    'a_total 1',
    '\t',
    'le="1"',
    '\r\n',
    '# {',
    'e5',
    'NaN',
  )
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 30 }), (parts) => {
      for (const read of [text, openMetrics]) {
        try {
          read(parts.join(''))
        } catch (error) {
          assert.ok(error instanceof ExpositionError, String(error))
        }
      }
    }),
    { numRuns: 3_000 },
  )
})
