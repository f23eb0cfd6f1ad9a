import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AttributeText, ATTRIBUTES_MAX, CUT_NAME, OVERFLOW_NAME } from './attribute-text.ts'
import { emptyFields } from './document.ts'
import { parseLogfmt } from './logfmt.ts'
import { microsOfNumber, microsOfText } from './moments.ts'
import { continuesLine, readLine } from './text-line.ts'
import { traceIdsIn } from './trace-ids.ts'

function read(line: string) {
  const fields = emptyFields()
  const attributes = new AttributeText()
  const form = readLine(line, fields, attributes)
  return { form, ...fields, attributes: JSON.parse(attributes.finish()) as Record<string, unknown> }
}

const NOON = Date.UTC(2026, 10, 29, 12, 0, 0) * 1_000

test('JSON of pino, of ECS, of zap: time, level, message and trace wherever they stand', () => {
  const pino = read(
    `{"level":40,"time":${NOON / 1_000},"msg":"slow","req":{"id":7,"url":"/a"},"ok":null}`,
  )
  assert.deepEqual(
    [pino.form, pino.severity, pino.time, pino.body, pino.attributes],
    ['json', 13, NOON, 'slow', { 'req.id': 7, 'req.url': '/a' }],
  )
  const ecs = read(
    `{"@timestamp":"2026-11-29T12:00:00.000Z","log":{"level":"error","logger":"x"},"message":"no","service":{"name":"shop"},"trace":{"id":"${'ab'.repeat(16)}"}}`,
  )
  assert.deepEqual(
    [ecs.severity, ecs.time, ecs.service, ecs.trace, ecs.attributes],
    [17, NOON, 'shop', 'ab'.repeat(16), { 'log.logger': 'x' }],
  )
  const odd = read('{"level":"loud","time":"tomorrow","msg":{"a":1}}')
  assert.deepEqual(
    odd.attributes,
    { level: 'loud', time: 'tomorrow', 'msg.a': 1 },
    'nothing is lost',
  )
})

test('broken JSON is text, and told; so is a line that only looks like logfmt', () => {
  assert.equal(read('{"a":').form, 'broken-json')
  assert.equal(read('{"a":').body, '{"a":')
  assert.equal(parseLogfmt('a=b is what he said'), undefined)
  assert.equal(read('x=1 + y').form, 'text')
})

test('logfmt', () => {
  const line = read(
    'ts=2026-11-29T12:00:00Z level=warn msg="it is \\"done\\"" took=5ms flag user=42',
  )
  assert.deepEqual(
    [line.form, line.severity, line.time, line.body, line.attributes],
    ['logfmt', 13, NOON, 'it is "done"', { took: '5ms', flag: 'true', user: '42' }],
  )
})

test('access logs, common and combined', () => {
  const line = read(
    '10.0.0.7 - ann [29/Nov/2026:13:00:00 +0100] "GET /a?b=c HTTP/1.1" 503 12 "-" "curl/8"',
  )
  assert.deepEqual([line.form, line.severity, line.time], ['combined', 17, NOON])
  assert.equal(line.attributes['http.response.status_code'], 503)
  assert.equal(line.attributes['user.name'], 'ann')
  assert.equal(line.attributes['user_agent.original'], 'curl/8')
  assert.equal(
    read('10.0.0.7 - - [29/Nov/2026:12:00:00 +0000] "GET / HTTP/1.1" 200 -').form,
    'combined',
  )
})

test('text with a time and a level in front stays whole', () => {
  for (const text of [
    '2026-11-29 12:00:00,000 ERROR it broke',
    '[2026-11-29T12:00:00.000Z] [error] it broke',
    '2026-11-29T12:00:00Z | error: it broke',
  ]) {
    const line = read(text)
    assert.deepEqual([line.time, line.severity, line.body], [NOON, 17, text])
  }
  assert.equal(read('errors are fine').severity, 0)
})

test('ids of a trace in a text', () => {
  const [trace, span] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7']
  assert.deepEqual(traceIdsIn(`got traceparent 00-${trace}-${span}-01`), { trace, span })
  assert.deepEqual(traceIdsIn(`"traceId": "${trace}", "spanId": "${span}"`), { trace, span })
  assert.equal(traceIdsIn(`an id ${trace}`), undefined)
})

test('times by their size and form', () => {
  for (const value of [NOON / 1e6, NOON / 1e3, NOON, NOON * 1e3])
    assert.equal(microsOfNumber(value), NOON)
  assert.equal(microsOfText('2026-11-29T13:00:00.123456789+01:00'), NOON + 123_456)
  assert.equal(microsOfText('1795953600.5'), NOON + 500_000)
  assert.equal(microsOfText('soon'), undefined)
})

test('frames of stack traces go on with the line before', () => {
  for (const line of [
    '    at f (x.js:1:2)',
    'Caused by: java.lang.Error',
    '  File "x.py", line 1',
    '\tat a.B.c(B.java:1)',
  ]) {
    assert.ok(continuesLine(line), line)
  }
  for (const line of ['Error: x', 'at noon', ' one space', ''])
    assert.ok(!continuesLine(line), line)
})

test('10,000 fields, deep nesting and half characters: everything stays JSON that anybody reads', () => {
  const attributes = new AttributeText()
  for (let at = 0; at < 10_000; at++) attributes.addValue(`field${at}`, at)
  const many = JSON.parse(attributes.finish()) as Record<string, unknown>
  assert.equal(Object.keys(many).length, ATTRIBUTES_MAX + 1)
  const beyond = JSON.parse(many[OVERFLOW_NAME] as string) as Record<string, unknown>
  assert.equal(beyond['field9999'], 9999)
  attributes.addText('long', 'x'.repeat(1_000_000))
  assert.equal((JSON.parse(attributes.finish()) as Record<string, unknown>)[CUT_NAME], 1)
  const deep = JSON.parse(`${'{"a":'.repeat(1_000)}1${'}'.repeat(1_000)}`) as object
  attributes.addValue('', deep)
  attributes.addValue('half', ['\ud800', { '\udc00': 'x\\ud800' }])
  const text = attributes.finish()
  assert.ok(!/(?<!\\)\\ud/i.test(text))
  assert.equal(Object.keys(JSON.parse(text) as object).length, 2)
})

test('whatever a line is, it is kept, and its attributes are an object', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.json(),
        fc.json().map((json) => `{"x":${json}}`),
      ),
      (line) => {
        const { body, attributes } = read(line)
        assert.equal(typeof attributes, 'object')
        assert.ok(
          line === '' ||
            body !== '' ||
            Object.keys(attributes).length > 0 ||
            /^\{.*\}$/s.test(line),
        )
      },
    ),
  )
})
