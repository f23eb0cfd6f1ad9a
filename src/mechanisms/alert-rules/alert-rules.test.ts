import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { labelsOf } from '../labels/labels.ts'
import { advanceAlerts, type AlertMap, type AlertSeen } from './alert-state.ts'
import { humanizeTimestamp } from './humanize.ts'
import { checkRecorded, recordedLabels, RuleEvaluationError } from './recording.ts'
import { restoreAlerts, type StoredState } from './restore.ts'
import { parseRuleFile, problemOfRule } from './rule-file.ts'
import { expandRuleTemplate, parseRuleTemplate } from './template.ts'

const MINUTE = 60_000
const timing = { forMs: 2 * MINUTE, keepFiringForMs: 0, limit: 0 }

function seen(instance: string, value = 1): AlertSeen {
  const labels = labelsOf([
    ['alertname', 'Down'],
    ['instance', instance],
  ])
  return { labels, annotations: [], value }
}

function states(alerts: AlertMap): readonly string[] {
  return [...alerts.values()].map(({ labels, state }) => `${labels.get('instance')} ${state}`)
}

test('an alert is pending, fires when it was there for long enough, resolves, and is forgotten', () => {
  let alerts: AlertMap = new Map()
  const at = (minute: number, ...all: readonly AlertSeen[]): readonly string[] => {
    alerts = advanceAlerts(alerts, all, timing, minute * MINUTE)
    return states(alerts)
  }
  assert.deepEqual(at(0, seen('a')), ['a pending'])
  assert.deepEqual(at(1, seen('a'), seen('b')), ['a pending', 'b pending'])
  assert.deepEqual(at(2, seen('a')), ['a firing'])
  assert.deepEqual(at(3), ['a resolved'])
  assert.deepEqual(at(10), ['a resolved'])
  assert.deepEqual(at(11, seen('a')), ['a pending'])
  assert.deepEqual(at(12), [])
})

test('a resolved alert is remembered for a quarter of an hour', () => {
  const once = { ...timing, forMs: 0 }
  let alerts = advanceAlerts(new Map(), [seen('a')], once, 0)
  alerts = advanceAlerts(alerts, [], once, MINUTE)
  alerts = advanceAlerts(alerts, [], once, 16 * MINUTE)
  assert.deepEqual(states(alerts), ['a resolved'])
  assert.deepEqual(states(advanceAlerts(alerts, [], once, 16 * MINUTE + 1)), [])
})

test('keep_firing_for holds an alert, and begins anew when it is there again', () => {
  const kept = { forMs: 0, keepFiringForMs: 2 * MINUTE, limit: 0 }
  let alerts: AlertMap = new Map()
  const at = (minute: number, ...all: readonly AlertSeen[]): readonly string[] => {
    alerts = advanceAlerts(alerts, all, kept, minute * MINUTE)
    return states(alerts)
  }
  assert.deepEqual(at(0, seen('a')), ['a firing'])
  assert.deepEqual(at(1), ['a firing'])
  assert.deepEqual(at(2, seen('a')), ['a firing'])
  assert.deepEqual(at(3), ['a firing'])
  assert.deepEqual(at(4), ['a firing'])
  assert.deepEqual(at(5), ['a resolved'])
})

test('two equal alerts, or too many, are an error', () => {
  assert.throws(
    () => advanceAlerts(new Map(), [seen('a'), seen('a')], timing, 0),
    /same labelset after applying alert labels/,
  )
  assert.throws(
    () => advanceAlerts(new Map(), [seen('a'), seen('b')], { ...timing, limit: 1 }, 0),
    /exceeded limit of 1 with 2 alerts/,
  )
  const rule = { kind: 'recording', record: 'r', expr: 'up', labels: [['instance', '']] } as const
  const labels = ['a', 'b'].map((instance) =>
    recordedLabels(
      rule,
      labelsOf([
        ['__name__', 'up'],
        ['instance', instance],
      ]),
    ),
  )
  assert.throws(() => checkRecorded(labels, 0), RuleEvaluationError)
})

test('an alert never fires before its time, nor waits longer than the next evaluation', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 10 }),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }),
      (forMinutes, there) => {
        let alerts: AlertMap = new Map()
        let run = 0
        for (const [minute, isThere] of there.entries()) {
          const forMs = forMinutes * MINUTE
          const all = isThere ? [seen('a')] : []
          alerts = advanceAlerts(
            alerts,
            all,
            { forMs, keepFiringForMs: 0, limit: 0 },
            minute * MINUTE,
          )
          run = isThere ? run + 1 : 0
          const fires = [...alerts.values()].some(({ state }) => state === 'firing')
          assert.equal(fires, run > forMinutes)
        }
      },
    ),
  )
})

test('alerts go on after a restart: the time while nothing was evaluated does not count', () => {
  const state = (name: string, extra: string, timeMs: number, value: number): StoredState => ({
    labels: labelsOf([
      ['__name__', name],
      ['alertname', 'Down'],
      ['alertstate', extra],
    ]),
    timeMs,
    value,
  })
  const at = 1_000 * MINUTE
  const restored = (options: {
    readonly state: 'pending' | 'firing'
    readonly awayMs: number
    readonly sinceMs: number
    readonly forMs: number
  }) => {
    const stoppedMs = at - options.awayMs
    const stored = {
      activeSince: [state('ALERTS_FOR_STATE', '', stoppedMs, options.sinceMs / 1_000)],
      states: [state('ALERTS', options.state, stoppedMs, 1)],
    }
    const rule = { forMs: options.forMs, keepFiringForMs: 0, limit: 0 }
    return [...restoreAlerts(stored, rule, at, MINUTE).values()][0]
  }
  const since = at - 30 * MINUTE
  const fired = { state: 'firing', awayMs: 5 * MINUTE, sinceMs: since, forMs: MINUTE } as const
  assert.equal(restored(fired)?.state, 'firing')
  const waited = {
    state: 'pending',
    awayMs: 5 * MINUTE,
    sinceMs: since,
    forMs: 60 * MINUTE,
  } as const
  assert.equal(restored(waited)?.activeAtMs, since + 5 * MINUTE)
  // A restart counts as no outage.
  assert.equal(restored({ ...waited, awayMs: 30_000 })?.activeAtMs, since)
  // Nearly there: it must be seen for ten minutes more.
  assert.equal(
    restored({ ...waited, forMs: 26 * MINUTE })?.activeAtMs,
    at + 10 * MINUTE - 26 * MINUTE,
  )
  assert.equal(restored({ ...waited, awayMs: 61 * MINUTE }), undefined)
})

test('a rule file says where it is wrong', () => {
  const text = 'groups:\n- name: shop\n  rules:\n  - alert: Slow\n    expr: up ===\n    for: 5x\n'
  const { problems } = parseRuleFile(text, { file: 'a.yml', intervalMs: MINUTE })
  assert.deepEqual(
    problems.map(({ line, text: told }) => `${line}: ${told}`),
    [
      '6: not a valid duration string: "5x"',
      '4: group "shop", rule 1, "Slow": could not parse expression: 1:6: parse error: unexpected "="',
    ],
  )
})

test('any text is a rule file or has problems', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), (text) => {
      const { groups, problems } = parseRuleFile(text, { file: 'a', intervalMs: MINUTE })
      assert.ok(problems.length > 0 || groups.length === 0)
    }),
  )
})

test('templates of rules know the alert, and one that fails says so in its place', async () => {
  const subject = { labels: labelsOf([['job', 'api']]), value: 1_234.5 }
  const ground = {
    query: () => Promise.resolve([{ labels: new Map([['a', 'b']]), value: 2 }]),
    externalUrl: 'http://localhost:4000/base',
    timeMs: 60_000,
  }
  const expand = (text: string) => expandRuleTemplate(parseRuleTemplate('A', text), subject, ground)
  for (const [text, expanded] of [
    ['{{ $labels.job }} {{ $value }} {{ .Value | humanize }}', 'api 1234.5 1.234k'],
    ['{{ with query "up" }}{{ . | first | label "a" }}{{ end }}', 'b'],
    ['{{ externalURL }}{{ pathPrefix }} {{ now }}', 'http://localhost:4000/base/base 60'],
    ['{{ "a.b:80" | stripDomain }} {{ "[::1]:80" | stripPort }}', 'a:80 ::1'],
    ['{{ 1.5e9 | humanizeTimestamp }}', '2017-07-14 02:40:00 +0000 UTC'],
    ['{{ parseDuration "1h" | humanizeDuration }}', '1h 0m 0s'],
    ['{{ graphLink "up == 0" }}', '/graph?g0.expr=up+%3D%3D+0&g0.tab=0'],
    ['{{ title "two words" }} {{ reReplaceAll "(a)(b)?" "${1}x\\\\$" "ab" }}', 'Two Words ax\\$'],
  ] as const) {
    assert.equal(await expand(text), expanded, text)
  }
  assert.match(
    await expand('{{ index $labels "job" | humanize }}'),
    /^<error expanding template: error executing template __alert_A: .*can't convert string to float: api>$/,
  )
  assert.equal(humanizeTimestamp(1.25), '1970-01-01 00:00:01.25 +0000 UTC')
  const hostile = { kind: 'alerting', alert: 'A', forMs: 0, keepFiringForMs: 0 } as const
  const said = { labels: [['__name__', 'x']], annotations: [] } as const
  assert.equal(problemOfRule({ ...hostile, ...said, expr: 'up' }), 'invalid label name: __name__')
})
