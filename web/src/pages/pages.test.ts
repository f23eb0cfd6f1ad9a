import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServiceView } from '../../../src/contracts/feed.ts'
import type { RequestRecord, AttemptRecord } from '../../../src/contracts/snapshot.ts'
import { readProblem } from '../api/actions.ts'
import { parseCodes } from '../docs.ts'
import { hashOfPath, hrefOf, parseRoute } from '../route.ts'
import { onlyFromFiles, searchLines, toLines } from './configuration/tree.ts'
import { barsOf } from './requests/attempt-bars.ts'
import { restartText, scaleText, stopSettingsOf, stopText } from './service/action-text.ts'
import { windowStart } from './service/chart-options.ts'
import { addLines, filterLines, LINES_MAX, NO_LINES } from './service/log-lines.ts'

const line = (seq: number, text = `line ${seq}`, atMs = seq) =>
  ({ seq, atMs, process: 'orders-1', stream: 'stdout', text }) as const
const stop = { drain: '10 s', signal: 'SIGTERM', grace: '' }
const orders = {
  name: 'orders',
  wanted: 2,
  wantedByFile: 2,
  instanceCount: 2,
} as unknown as ServiceView

test('an action says what will happen, with the numbers of the configuration', () => {
  const effective = {
    services: { orders: { stop: { drain: '10s', signal: 'SIGTERM', grace: 5000 } } },
  }
  assert.deepEqual(stopSettingsOf(effective, 'orders'), {
    drain: '10 s',
    signal: 'SIGTERM',
    grace: '5 s',
  })
  assert.deepEqual(stopSettingsOf(null, 'orders'), { drain: '', signal: '', grace: '' })
  assert.equal(
    stopText(2, stop),
    '2 instances are taken out of rotation, drained for at most 10 s, then stopped with SIGTERM',
  )
  assert.match(restartText(orders, stop), /started again, one after the other/)
  assert.match(scaleText(orders, 3, stop), /^1 instance is started.*The file says 2/)
  assert.match(scaleText(orders, 1, stop), /^1 instance is taken out of rotation/)
  assert.match(scaleText(orders, 2, stop), /nothing changes/)
})

test('a chart is as wide as what there is, from a minute to ten', () => {
  assert.deepEqual(
    [windowStart(1_000, 1_001), windowStart(1_000, 1_200), windowStart(1_000, 9_000)],
    [941, 1_000, 8_400],
  )
})

test('log lines are bounded, and a reconnect repeats none', () => {
  const first = addLines(NO_LINES, { lines: [line(1), line(2)], dropped: 3 }, true)
  const again = addLines(first, { lines: [line(1), line(2), line(3)], dropped: 0 }, true)
  assert.deepEqual(
    again.lines.map((one) => one.seq),
    [1, 2, 3],
  )
  assert.equal(again.dropped, 3)
  const restarted = addLines(again, { lines: [line(1, 'anew', 99)], dropped: 0 }, true)
  assert.equal(restarted.lines.at(-1)?.text, 'anew')
  const many = Array.from({ length: LINES_MAX + 5 }, (_, index) => line(index + 10))
  assert.equal(addLines(restarted, { lines: many, dropped: 0 }, false).lines.length, LINES_MAX)
  assert.deepEqual(
    filterLines([line(1, 'Paid'), line(2, 'refused')], 'paid').map((one) => one.seq),
    [1],
  )
})

test('addresses are read as they are written', () => {
  for (const route of [
    { page: 'system' },
    { page: 'service', service: 'a b/c' },
    { page: 'requests', requestId: '' },
    { page: 'requests', requestId: 'x%y' },
    { page: 'configuration' },
    { page: 'code', code: 'ERR_X' },
  ] as const) {
    assert.deepEqual(parseRoute(hrefOf(route)), route)
  }
  assert.deepEqual(parseRoute('#/nothing/like/this'), { page: 'system' })
  assert.equal(hashOfPath('/'), null)
  assert.deepEqual(parseRoute(hashOfPath('/services/orders') ?? ''), {
    page: 'service',
    service: 'orders',
  })
})

test('each value of the configuration has its source; defaults can be left out', () => {
  const effective = { a: { b: 1, c: ['x', 'y'] }, d: [{ e: 'true' }], f: {} }
  const lines = toLines(effective, { 'a.c': 'f.yaml:3', 'd.0.e': 'f.yaml:5', 'a.b': 'default' })
  assert.deepEqual(
    lines.map((one) => `${'  '.repeat(one.depth)}${one.key}: ${one.value} ${one.source}`.trimEnd()),
    [
      'a:',
      '  b: 1 default',
      '  c: [x, y] f.yaml:3',
      'd:',
      '  -:',
      '    e: "true" f.yaml:5',
      'f: {}',
    ],
  )
  assert.deepEqual(
    onlyFromFiles(lines).map((one) => one.path),
    ['a', 'a.c', 'd', 'd.0', 'd.0.e'],
  )
  assert.deepEqual(
    searchLines(lines, 'a.B').map((one) => one.path),
    ['a', 'a.b'],
  )
})

test('the bars of the attempts follow one another and stay inside the request', () => {
  const one = (change: Partial<AttemptRecord>): AttemptRecord => ({
    instance: 'i',
    address: '',
    candidates: 1,
    excluded: 0,
    choice: '',
    startedMs: 0,
    connectedMs: 0,
    answeredMs: 0,
    outcome: 'answered',
    status: 200,
    ...change,
  })
  const attempts = [
    one({ startedMs: 0, outcome: 'reset' }),
    one({ startedMs: 20, connectedMs: 30, answeredMs: 80 }),
  ]
  assert.deepEqual(barsOf({ durationMs: 100, attempts } as unknown as RequestRecord), [
    { start: 0, connect: 0, wait: 0.2, body: 0 },
    { start: 0.2, connect: 0.1, wait: 0.5, body: 0.2 },
  ])
})

test('a refusal is read from problem+json, and something is said without it', () => {
  const problem = readProblem(409, '{"code":"ERR_X","detail":"orders is busy"}')
  assert.deepEqual(
    [problem.code, problem.message, problem.status],
    ['ERR_X', 'orders is busy', 409],
  )
  assert.deepEqual(readProblem(502, '<html>').code, 'HTTP 502')
})

test('the entries of the documentation are found by their code', () => {
  const entries = parseCodes(
    '# Errors\n\n## ERR_A\nIt is `bad`.\nCause: x.\n\n- do y\n\n## Not a code\ntext\n',
  )
  assert.deepEqual(entries, [{ code: 'ERR_A', paragraphs: ['It is bad. Cause: x.', 'do y'] }])
})
