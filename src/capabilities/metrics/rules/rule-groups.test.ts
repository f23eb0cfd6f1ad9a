import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Rule, RuleGroup } from '../../../mechanisms/alert-rules/rules.ts'
import { systemClock } from '../../../platform/clock.ts'
import type { Clock } from '../../../platform/capability.ts'
import type { RuleSample } from '../query/messages.ts'
import type { Store } from '../store/store.ts'
import { dump, openIn, temporaryFolder } from '../store/testing/stores.ts'
import type { RuleGround, RuleReport } from './rule-ground.ts'
import { RuleGroups } from './rule-groups.ts'

const MINUTE = 60_000
const BEGIN = 1_700_000_000_000 - (1_700_000_000_000 % MINUTE)

/** A clock that a test moves. */
class MovedClock implements Clock {
  #nowMs = BEGIN
  #due: { atMs: number; callback: () => void }[] = []

  nowMs(): number {
    return this.#nowMs
  }
  monotonicMs(): number {
    return this.#nowMs
  }
  after(delayMs: number, callback: () => void): () => void {
    const one = { atMs: this.#nowMs + delayMs, callback }
    this.#due.push(one)
    return () => {
      this.#due = this.#due.filter((other) => other !== one)
    }
  }
  every(): () => void {
    return () => {}
  }
  nextTurn(callback: () => void): () => void {
    return systemClock.nextTurn(callback)
  }
  /** Moves on, calls back what is due, and lets it come to its end. */
  async move(ms: number, turnsMax = 100_000): Promise<void> {
    const untilMs = this.#nowMs + ms
    for (;;) {
      const [next] = this.#due.toSorted((one, other) => one.atMs - other.atMs)
      if (next === undefined || next.atMs > untilMs) break
      this.#due = this.#due.filter((one) => one !== next)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      const waiting = this.#due.length
      next.callback()
      // An evaluation that has come to its end waits for the next one.
      for (let turn = 0; this.#due.length === waiting && turn < turnsMax; turn++) {
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    this.#nowMs = untilMs
  }
}

function down(more: Partial<Rule> = {}): Rule {
  const plain = { kind: 'alerting', alert: 'Down', expr: 'up == 0', forMs: 2 * MINUTE } as const
  return { ...plain, keepFiringForMs: 0, labels: [], annotations: [], ...more } as Rule
}

function group(rules: readonly Rule[], more: Partial<RuleGroup> = {}): RuleGroup {
  const plain = { name: 'g', file: 'f', intervalMs: MINUTE, queryOffsetMs: 0, limit: 0 }
  return { ...plain, rules, ...more }
}

function sample(instance: string, value = 0): RuleSample {
  return { names: ['instance'], values: [instance], value, histogram: undefined, text: '' }
}

interface Scene {
  readonly clock: MovedClock
  readonly groups: RuleGroups
  readonly reports: RuleReport[]
  answer: readonly RuleSample[] | Error
}

function scene(store: Store, clock = new MovedClock()): Scene {
  const made: Scene = {
    clock,
    reports: [],
    answer: [],
    groups: new RuleGroups({
      store,
      clock,
      log: () => {},
      query: async () => {
        if (made.answer instanceof Error) throw made.answer
        return made.answer
      },
      externalUrl: () => 'http://localhost',
      tell: (report) => void made.reports.push(report),
    } satisfies RuleGround),
  }
  return made
}

function stateOf({ groups }: Scene): string {
  const [runner] = groups.all
  const [rule] = runner?.rules ?? []
  return [...(rule?.alerts.values() ?? [])].map(({ state }) => state).join()
}

test('alerts go on after a restart, and what has ended meanwhile is told as resolved', async () => {
  using folder = temporaryFolder()
  const clock = new MovedClock()
  let store = await openIn(folder.path, {}, { clock })
  let now = scene(store, clock)
  now.answer = [sample('a')]
  await now.groups.set([group([down()])])
  await clock.move(MINUTE)
  assert.equal(stateOf(now), 'pending')
  await now.groups.close()
  await store.close()
  store = await openIn(folder.path, {}, { clock })
  now = scene(store, clock)
  now.answer = [sample('a')]
  await now.groups.set([group([down()])])
  await clock.move(2 * MINUTE)
  assert.equal(stateOf(now), 'firing')
  const [told] = now.reports.at(-1)?.alerts ?? []
  assert.equal(told?.endsAtMs, undefined)
  await now.groups.close()
  await store.close()

  store = await openIn(folder.path, {}, { clock })
  now = scene(store, clock)
  await now.groups.set([group([down()])])
  await clock.move(MINUTE)
  assert.equal(stateOf(now), 'resolved')
  assert.notEqual(now.reports.at(-1)?.alerts[0]?.endsAtMs, undefined)
  const written = await dump(store, [{ name: '__name__', kind: '=', value: 'ALERTS' }])
  assert.match(JSON.stringify(written), /firing/)
  await now.groups.close()
  await store.close()
})

test('a rule that cannot be evaluated says so, tells nothing of its alerts, and goes on', async () => {
  using folder = temporaryFolder()
  const clock = new MovedClock()
  await using store = closing(await openIn(folder.path, {}, { clock }))
  const now = scene(store.store, clock)
  now.answer = [sample('a')]
  await now.groups.set([group([down({ forMs: 0 } as Partial<Rule>)])])
  await clock.move(MINUTE)
  const count = now.reports.length
  now.answer = new Error('no samples today')
  await clock.move(MINUTE)
  const rule = now.groups.all[0]?.rules[0]
  assert.equal(rule?.last.health, 'err')
  assert.equal(rule?.last.error, 'no samples today')
  assert.equal(now.reports.length, count)
  assert.equal(stateOf(now), 'firing')
  now.answer = []
  await clock.move(MINUTE)
  assert.equal(stateOf(now), 'resolved')
  await now.groups.close()
})

test('a changed group keeps the alerts of its rules; a rule that is gone ends its series and alerts', async () => {
  using folder = temporaryFolder()
  const clock = new MovedClock()
  await using store = closing(await openIn(folder.path, {}, { clock }))
  const now = scene(store.store, clock)
  now.answer = [sample('a')]
  const recorded: Rule = { kind: 'recording', record: 'r', expr: 'up', labels: [] }
  await now.groups.set([group([recorded, down()])])
  await clock.move(MINUTE)
  const [, before] = now.groups.all[0]?.rules ?? []
  const since = [...(before?.alerts.values() ?? [])][0]?.activeAtMs
  await now.groups.set([group([down({ expr: 'up < 1' } as Partial<Rule>)])])
  const [after] = now.groups.all[0]?.rules ?? []
  assert.equal([...(after?.alerts.values() ?? [])][0]?.activeAtMs, since)
  // The recorded series has ended: its last sample is the marker of staleness.
  const text = JSON.stringify(
    await dump(store.store, [{ name: '__name__', kind: '=', value: 'r' }]),
  )
  assert.match(text, /,null\]\]/)
  await now.groups.set([])
  assert.deepEqual(now.reports.at(-1)?.alerts, [])
  assert.deepEqual(now.groups.all, [])
})

test('an evaluation that takes longer than its interval is counted, and the next one is in time', async () => {
  using folder = temporaryFolder()
  const clock = new MovedClock()
  await using store = closing(await openIn(folder.path, {}, { clock }))
  const now = scene(store.store, clock)
  const slow = Promise.withResolvers<void>()
  const groups = new RuleGroups({
    store: store.store,
    clock,
    log: () => {},
    query: async () => {
      await slow.promise
      return []
    },
    externalUrl: () => '',
    tell: () => {},
  })
  await groups.set([group([down()])])
  await clock.move(4 * MINUTE, 100)
  slow.resolve()
  const [runner] = groups.all
  while (runner?.missedCount === 0) await new Promise((resolve) => setImmediate(resolve))
  assert.ok((runner?.missedCount ?? 0) >= 2, String(runner?.missedCount))
  await clock.move(MINUTE)
  assert.ok(clock.nowMs() - (runner?.lastMs ?? 0) <= MINUTE)
  await groups.close()
  await now.groups.close()
})

function closing(store: Store): AsyncDisposable & { readonly store: Store } {
  return { store, [Symbol.asyncDispose]: () => store.close() }
}
