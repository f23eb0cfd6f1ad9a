import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { stringify } from 'yaml'
import { problemOfRule } from '../../../mechanisms/alert-rules/rule-file.ts'
import type { Rule, RuleGroup } from '../../../mechanisms/alert-rules/rules.ts'
import { evaluateQuery } from '../../../mechanisms/promql/engine.ts'
import { parseQuery } from '../../../mechanisms/promql/syntax/parse.ts'
import { systemClock } from '../../../platform/clock.ts'
import { GroupRunner } from '../../metrics/rules/group-runner.ts'
import type { RuleGround } from '../../metrics/rules/rule-ground.ts'
import type { Store } from '../../metrics/store/store.ts'
import { named, openIn, temporaryFolder } from '../../metrics/store/testing/stores.ts'
import { ownGroups } from './own-groups.ts'
import type { SloSaid } from './slo-settings.ts'

const MINUTE = 60_000
const STEP = 15_000
const BEGIN = 1_700_000_000_000
const slo: SloSaid = { objective: 0.999, window: 30 * 86_400_000, errors: true, latency: 300 }
const said = {
  interval: STEP,
  scrapeInterval: STEP,
  defaults: true,
  services: { payments: { slo, alerts: 'on' }, quiet: { alerts: 'off' } },
} as const

function yamlOf({ name, rules }: RuleGroup): object {
  const ruleYaml = (rule: Rule): object =>
    rule.kind === 'recording'
      ? { record: rule.record, expr: rule.expr, labels: Object.fromEntries(rule.labels) }
      : {
          alert: rule.alert,
          expr: rule.expr,
          for: `${rule.forMs}ms`,
          labels: Object.fromEntries(rule.labels),
          annotations: Object.fromEntries(rule.annotations),
        }
  return { name, rules: rules.map(ruleYaml) }
}

test('our own rules are right, for us and for promtool', () => {
  const groups = ownGroups(said)
  assert.deepEqual(
    groups.map(({ name }) => name),
    ['services', 'slo', 'slo-long'],
  )
  for (const rule of groups.flatMap(({ rules }) => rules)) assert.equal(problemOfRule(rule), '')
  if (!existsSync('/usr/bin/promtool')) return
  using folder = temporaryFolder()
  const file = join(folder.path, 'rules.yml')
  writeFileSync(file, stringify({ groups: groups.map(yamlOf) }))
  const { status, stderr } = spawnSync('promtool', ['check', 'rules', file], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
})

test('without services there are no rules, and nothing is kept longer', () => {
  assert.deepEqual(ownGroups({ ...said, services: {} }), [])
  assert.deepEqual(ownGroups({ ...said, defaults: false, services: { a: { alerts: 'on' } } }), [])
})

/** Evaluates all groups minute by minute, over counters that a test moves. */
class Simulation {
  readonly #store: Store
  readonly #runners: readonly GroupRunner[]
  readonly #totals = new Map<string, number>()
  #step = 0

  constructor(store: Store) {
    this.#store = store
    const ground: RuleGround = {
      store,
      clock: systemClock,
      log: () => {},
      query: (text, timeMs) => query(store, text, timeMs),
      externalUrl: () => 'http://localhost',
      tell: () => {},
    }
    this.#runners = ownGroups(said).map((group) => new GroupRunner(group, ground))
  }

  /** Passes minutes in which so many requests a minute come, of which shares fail, or are slow. */
  async pass(
    minutes: number,
    { failing = 0, slow = 0, crashes = 0, requests = 150 },
  ): Promise<ReadonlySet<string>> {
    const fired = new Set<string>()
    for (let left = minutes * 4; left > 0; left--) {
      const of = { service: 'payments', caller: '', route: 'r' }
      const count = (name: string, labels: Record<string, string>, more: number): void =>
        this.#count(name, { ...of, ...labels }, more)
      count('backplane_gateway_requests_total', { status: '2xx' }, requests * (1 - failing))
      count('backplane_gateway_requests_total', { status: '5xx' }, requests * failing)
      const duration = 'backplane_gateway_request_duration_seconds'
      count(`${duration}_count`, {}, requests)
      count(`${duration}_bucket`, { le: '0.3' }, requests * (1 - slow))
      count(`${duration}_bucket`, { le: '+Inf' }, requests)
      const crashed = left % 4 === 0 ? crashes : 0
      count('backplane_processes_restarts_total', { instance: 'payments-1' }, crashed)
      count('backplane_processes_cpu_seconds_total', { instance: 'payments-1' }, 5)
      const atMs = BEGIN + this.#step * STEP
      for (const runner of this.#runners) await runner.evaluate(atMs)
      for (const rule of this.#runners.flatMap(({ rules }) => rules)) {
        assert.equal(rule.last.error, '', rule.rule.expr)
      }
      for (const name of this.firing()) fired.add(name)
      this.#step++
    }
    return fired
  }

  firing(): readonly string[] {
    return this.#runners
      .flatMap(({ rules }) => rules)
      .flatMap(({ rule, alerts }) =>
        [...alerts.values()].flatMap(({ state, labels }) =>
          state === 'firing' && rule.kind === 'alerting'
            ? [`${rule.alert} ${labels.get('slo')}`.trim()]
            : [],
        ),
      )
  }

  async value(text: string): Promise<number> {
    const [sample] = await query(this.#store, text, BEGIN + (this.#step - 1) * STEP)
    return sample?.value ?? Number.NaN
  }

  #count(name: string, labels: Record<string, string>, more: number): void {
    const key = JSON.stringify([name, labels])
    const total = (this.#totals.get(key) ?? 1_000) + more
    this.#totals.set(key, total)
    const atMs = BEGIN + this.#step * STEP
    this.#store.appendValue(this.#store.seriesOf(named(name, labels)), atMs, total)
  }
}

async function query(store: Store, text: string, timeMs: number) {
  const expr = parseQuery(text, {
    experimentalFunctions: false,
    extendedRangeSelectors: false,
    fillModifiers: false,
  })
  const { value } = await evaluateQuery(store.queries, {
    text,
    expr,
    time: { kind: 'instant', timeMs },
    options: {
      lookbackMs: 300_000,
      subqueryStepMs: MINUTE,
      samplesMax: 10_000_000,
      delayedNameRemoval: false,
      typeAndUnitLabels: false,
      isCanceled: () => false,
      isOver: () => false,
    },
  })
  if (value.kind === 'scalar') {
    return [{ names: [], values: [], value: value.value, histogram: undefined, text: '' }]
  }
  if (value.kind !== 'vector') throw new TypeError('no vector')
  return value.samples.map(({ labels, value: number }) => ({
    names: labels.names,
    values: labels.values,
    value: number,
    histogram: undefined,
    text: '',
  }))
}

test('a calm service fires nothing; one that fails is told in minutes, and it resolves by itself', async () => {
  using folder = temporaryFolder()
  const store = await openIn(folder.path)
  const now = new Simulation(store)
  assert.deepEqual([...(await now.pass(70, { failing: 0.0003, slow: 0.0003 }))], [])
  const first = await now.pass(4, { failing: 0.3 })
  assert.ok(first.has('ServiceFails') && first.has('SloBurnsFast errors'), [...first].join())
  assert.ok(!first.has('SloBurnsFast latency'))
  assert.ok((await now.value('slo:bad:ratio1h{slo="errors"}')) > 0.0144)
  await now.pass(10, {})
  assert.ok(!now.firing().includes('ServiceFails'))
  assert.ok(!now.firing().includes('SloBurnsFast errors'))
  // Used are 4 x 0.3 of 30 days' minutes, of a thousandth.
  const left = await now.value('slo:budget:remaining{slo="errors"}')
  assert.ok(Math.abs(left - (1 - (4 * 0.3) / 43_200 / 0.001)) < 0.02, String(left))
  assert.ok((await now.pass(30, { slow: 0.3 })).has('SloBurnsFast latency'))
  await store.close()
})

test('a service that fails for a moment at its start is no catastrophe, and a crash loop is one', async () => {
  using folder = temporaryFolder()
  const store = await openIn(folder.path)
  const now = new Simulation(store)
  const start = await now.pass(1, { failing: 0.9, requests: 5 })
  const later = await now.pass(20, {})
  assert.deepEqual([...start, ...later], [])
  assert.deepEqual([...(await now.pass(4, { crashes: 1 }))], ['ServiceCrashes'])
  assert.deepEqual([...(await now.pass(12, {}))], ['ServiceCrashes'])
  assert.deepEqual(now.firing(), [])
  await store.close()
})
