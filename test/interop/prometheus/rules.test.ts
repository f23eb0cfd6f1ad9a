import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { QueryPool } from '../../../src/capabilities/metrics/query/query-pool.ts'
import { GroupRunner } from '../../../src/capabilities/metrics/rules/group-runner.ts'
import type { RuleGround } from '../../../src/capabilities/metrics/rules/rule-ground.ts'
import {
  named,
  openIn,
  temporaryFolder,
} from '../../../src/capabilities/metrics/store/testing/stores.ts'
import { parseRuleFile } from '../../../src/mechanisms/alert-rules/rule-file.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { hasPrometheus } from './server.ts'

/** Rules as people write them: what Debian's promtool makes of them is what ours must be. */
const RULES = `
groups:
  - name: recorded
    interval: 1m
    rules:
      - record: job:requests:rate4m
        expr: sum by (job) (max_over_time(requests_total[4m30s])) / 1024
        labels: { team: shop, instance: "" }
      - record: job:requests:share
        expr: job:requests:rate4m / ignoring(job) group_left sum(job:requests:rate4m)
  - name: alerts
    interval: 1m
    rules:
      - alert: Down
        expr: up == 0
        labels: { severity: page, where: "{{ $labels.instance | stripPort }}" }
        annotations:
          summary: "{{ $labels.instance }} of {{ .Labels.job | toUpper | title }} is down"
          nobody: "{{ $labels.nobody }}|{{ if eq $labels.job \\"api\\" }}api{{ else }}other{{ end }}"
      - alert: Slow
        expr: latency_seconds > 0.5
        for: 3m
        annotations:
          value: '{{ $value }} {{ $value | humanize }} {{ $value | humanizeDuration }} {{ printf "%.3f" $value }} {{ humanizePercentage $value }} {{ $value | humanize1024 }}'
          others: '{{ range query "up" | sortByLabel "instance" }}{{ .Labels.instance }}={{ .Value }} {{ end }}'
          first: '{{ with query "sum(up)" }}{{ . | first | value }}{{ end }}'
          replaced: '{{ reReplaceAll "(.*):(\\\\d+)" "$2 at $1" $labels.instance }} {{ match "^a" $labels.job }}'
          missing: '{{ $nothing := 1.0 }}{{ if gt $value 1.0 }}much{{ else }}little{{ end }}'
      - alert: Kept
        expr: latency_seconds > 0.8
        keep_firing_for: 2m
        annotations: { value: '{{ $value }}' }
      - alert: Burning
        expr: job:requests:rate4m > 0.9
        for: 1m
        labels: { level: '{{ if gt $value 2.0 }}high{{ else }}low{{ end }}' }
`
const MINUTES = 20

interface InputSeries {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly values: readonly number[]
}

const labelSets = [
  { job: 'api', instance: 'a:80' },
  { job: 'api', instance: 'b:8080' },
  { job: 'web', instance: 'c.example.org:80' },
]

const inputs = fc
  .tuple(
    ...labelSets.map(() =>
      fc.array(fc.integer({ min: 0, max: 9 }), { minLength: MINUTES + 1, maxLength: MINUTES + 1 }),
    ),
  )
  .map((all) =>
    all.flatMap((digits, at): InputSeries[] => {
      const labels = labelSets[at]!
      let total = 0
      return [
        { name: 'up', labels, values: digits.map((digit) => Number(digit > 2)) },
        { name: 'latency_seconds', labels, values: digits.map((digit) => digit / 7) },
        { name: 'requests_total', labels, values: digits.map((digit) => (total += digit * 20)) },
      ]
    }),
  )

function seriesText({ name, labels }: Pick<InputSeries, 'name' | 'labels'>): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}="${value}"`)
  return `${name}{${pairs.join(',')}}`
}

interface Seen {
  readonly alert_rule_test: object[]
  readonly promql_expr_test: object[]
}

/** Evaluates the rules with ours, minute by minute, and writes down what promtool is to find. */
async function evaluate(series: readonly InputSeries[]): Promise<Seen> {
  using folder = temporaryFolder()
  const store = await openIn(folder.path)
  const pool = new QueryPool(store.queries, systemClock, () => {})
  const query: RuleGround['query'] = (text, timeMs) =>
    pool.samples({
      text,
      time: { kind: 'instant', timeMs },
      lookbackMs: 300_000,
      subqueryStepMs: 60_000,
      samplesMax: 1_000_000,
      timeoutMs: 60_000,
    })
  const { groups, problems } = parseRuleFile(RULES, { file: 'rules.yml', intervalMs: 60_000 })
  assert.deepEqual(problems, [])
  const ground: RuleGround = {
    store,
    clock: systemClock,
    log: () => {},
    query,
    externalUrl: () => 'http://localhost',
    tell: () => {},
  }
  const runners = groups.map((group) => new GroupRunner(group, ground))
  const seen: Seen = { alert_rule_test: [], promql_expr_test: [] }
  try {
    for (let minute = 0; minute <= MINUTES; minute++) {
      const atMs = minute * 60_000
      for (const { name, labels, values } of series) {
        store.appendValue(store.seriesOf(named(name, labels)), atMs, values[minute]!)
      }
      for (const runner of runners) await runner.evaluate(atMs)
      for (const { rules } of runners)
        for (const { rule, last, alerts } of rules) {
          assert.equal(last.error, '')
          if (rule.kind === 'recording') continue
          const firing = [...alerts.values()].filter(({ state }) => state === 'firing')
          seen.alert_rule_test.push({
            eval_time: `${minute}m`,
            alertname: rule.alert,
            exp_alerts: firing.map(({ labels, annotations }) => ({
              exp_labels: Object.fromEntries(
                labels.names.flatMap((name, at) =>
                  name === 'alertname' ? [] : [[name, labels.values[at]!]],
                ),
              ),
              exp_annotations: Object.fromEntries(annotations),
            })),
          })
        }
      for (const expr of [
        'ALERTS',
        'ALERTS_FOR_STATE',
        'job:requests:rate4m',
        'job:requests:share',
      ]) {
        const samples = await query(expr, atMs)
        seen.promql_expr_test.push({
          expr,
          eval_time: `${minute}m`,
          exp_samples: samples.map(({ names, values, value }) => ({
            labels: seriesText({
              name: '',
              labels: Object.fromEntries(names.map((name, at) => [name, values[at]!])),
            }),
            value,
          })),
        })
      }
    }
  } finally {
    await pool.close()
    await store.close()
  }
  return seen
}

test(
  'recorded series, alerts and what they say are those of promtool, at every minute of random data',
  { skip: hasPrometheus() ? false : 'no promtool here' },
  async () => {
    using folder = temporaryFolder()
    writeFileSync(join(folder.path, 'rules.yml'), RULES)
    execFileSync('promtool', ['check', 'rules', join(folder.path, 'rules.yml')])
    let firing = 0
    await fc.assert(
      fc.asyncProperty(inputs, async (series) => {
        const seen = await evaluate(series)
        firing += JSON.stringify(seen).split('firing').length
        const file = join(folder.path, 'test.yml')
        const input = series.map((one) => ({
          series: seriesText(one),
          values: one.values.join(' '),
        }))
        writeFileSync(
          file,
          stringify({
            rule_files: ['rules.yml'],
            evaluation_interval: '1m',
            group_eval_order: ['recorded', 'alerts'],
            tests: [{ interval: '1m', input_series: input, ...seen }],
          }),
        )
        const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', file], {
          encoding: 'utf8',
        })
        assert.equal(status, 0, `${stdout}${stderr}`.slice(0, 5_000))
      }),
      { numRuns: 4, endOnFailure: true },
    )
    assert.ok(firing > 50, 'alerts fired')
  },
)

test(
  'what promtool refuses in a rule file is refused, and what it takes is taken',
  { skip: hasPrometheus() ? false : 'no promtool here' },
  () => {
    using folder = temporaryFolder()
    const rule = (text: string) => `groups: [{ name: a, rules: [{ ${text} }] }]`
    for (const text of [
      rule('alert: A, expr: up'),
      rule('record: "a:b", expr: sum(up)'),
      rule('alert: A, expr: 1'),
      'groups: []',
      '',
      rule('alert: A, expr: up ==='),
      rule('alert: A'),
      rule('expr: up'),
      rule('alert: A, record: b, expr: up'),
      rule('record: a, expr: up, for: 1m'),
      rule('record: a, expr: up, annotations: { a: b }'),
      rule('alert: A, expr: up, for: 1x'),
      rule('alert: A, expr: up, what: 1'),
      rule('alert: A, expr: up, labels: { __name__: b }'),
      rule('alert: A, expr: up, annotations: { a: "{{ nonsense }}" }'),
      rule('alert: A, expr: up, labels: { a: "{{ $labels.x }" }'),
      'groups: [{ name: a }, { name: a }]',
      'groups: [{ rules: [] }]',
      'what: []',
      'groups: [',
      'groups: { a: b }',
    ]) {
      const file = join(folder.path, 'rules.yml')
      writeFileSync(file, text)
      const { status } = spawnSync('promtool', ['check', 'rules', file])
      const { problems } = parseRuleFile(text, { file, intervalMs: 60_000 })
      assert.equal(problems.length > 0, status === 1, `${text}: ${JSON.stringify(problems)}`)
    }
  },
)
