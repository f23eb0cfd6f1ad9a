import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AlertsState } from '../../../contracts/alerts-state.ts'
import type { Clock } from '../../../platform/capability.ts'
import type { RuleReport } from '../../metrics/rules/rule-ground.ts'
import type { Notification } from '../alert-record.ts'
import { Dispatcher, type KeptGroup } from './dispatcher.ts'
import { Silences } from './silences.ts'

const MINUTE = 60_000

/** A clock that a test moves; nothing that it calls back waits for anything. */
class StepClock implements Clock {
  #nowMs = 1_000 * MINUTE
  #due: { atMs: number; everyMs: number; callback: () => void }[] = []

  nowMs(): number {
    return this.#nowMs
  }
  monotonicMs(): number {
    return this.#nowMs
  }
  after(delayMs: number, callback: () => void): () => void {
    return this.#add(delayMs, 0, callback)
  }
  every(intervalMs: number, callback: () => void): () => void {
    return this.#add(intervalMs, intervalMs, callback)
  }
  nextTurn(): () => void {
    return () => {}
  }
  move(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (;;) {
      const [next] = this.#due.toSorted((one, other) => one.atMs - other.atMs)
      if (next === undefined || next.atMs > untilMs) break
      this.#nowMs = next.atMs
      if (next.everyMs > 0) next.atMs += next.everyMs
      else this.#due = this.#due.filter((one) => one !== next)
      next.callback()
    }
    this.#nowMs = untilMs
  }
  #add(delayMs: number, everyMs: number, callback: () => void): () => void {
    const one = { atMs: this.#nowMs + delayMs, everyMs, callback }
    this.#due.push(one)
    return () => {
      this.#due = this.#due.filter((other) => other !== one)
    }
  }
}

const state: AlertsState = {
  externalUrl: 'http://localhost:4000',
  route: {
    matchers: [],
    receiver: 'team',
    groupBy: ['alertname'],
    groupWaitMs: 30_000,
    groupIntervalMs: 5 * MINUTE,
    repeatIntervalMs: 240 * MINUTE,
    continues: false,
    routes: [],
  },
  inhibit: [],
  receivers: [
    {
      name: 'team',
      notifiers: [{ kind: 'webhook', url: 'http://localhost/', headers: [], sendsResolved: true }],
    },
  ],
  alertmanagers: [],
  smtp: undefined,
}

interface Scene {
  readonly clock: StepClock
  readonly silences: Silences
  readonly dispatcher: Dispatcher
  /** `firing a,b` or `resolved a` of each message. */
  readonly told: string[]
}

function scene(clock = new StepClock(), kept: readonly KeptGroup[] = []): Scene {
  const told: string[] = []
  const silences = new Silences()
  const dispatcher = new Dispatcher(
    {
      clock,
      silences,
      send: (messages) => void told.push(...messages.map(textOf)),
      changed: () => {},
    },
    kept,
  )
  dispatcher.configure(state)
  return { clock, silences, dispatcher, told }
}

function textOf({ alerts }: Notification): string {
  return alerts
    .map(({ labels, endsAtMs }) => {
      const instance = new Map(labels).get('instance') ?? ''
      return `${instance} ${endsAtMs === undefined ? 'fires' : 'is over'}`
    })
    .join(', ')
}

/** What a rule says: these fire, and these are over. */
function report(clock: Clock, firing: readonly string[], over: readonly string[] = []): RuleReport {
  const alert = (instance: string, endsAtMs: number | undefined) => ({
    labels: [
      ['alertname', 'Down'],
      ['instance', instance],
    ] as const,
    annotations: [['summary', instance]] as const,
    startsAtMs: clock.nowMs(),
    endsAtMs,
    value: 1,
    expr: 'up == 0',
  })
  const alerts = [
    ...firing.map((one) => alert(one, undefined)),
    ...over.map((one) => alert(one, clock.nowMs())),
  ]
  return { rule: 'r', atMs: clock.nowMs(), intervalMs: 15_000, alerts }
}

/** Says the same every fifteen seconds, as an evaluation does. */
function evaluate({ clock, dispatcher }: Scene, minutes: number, firing: readonly string[]): void {
  for (let left = minutes * 4; left > 0; left--) {
    dispatcher.take(report(clock, firing))
    clock.move(15_000)
  }
}

test('alerts of a group are told together, changes at the interval, and what still fires after a while', () => {
  const now = scene()
  now.dispatcher.take(report(now.clock, ['a']))
  now.clock.move(15_000)
  evaluate(now, 1, ['a', 'b'])
  assert.deepEqual(now.told, ['a fires, b fires'])
  evaluate(now, 1, ['a', 'b', 'c'])
  assert.equal(now.told.length, 1)
  evaluate(now, 5, ['a', 'b', 'c'])
  assert.deepEqual(now.told.slice(1), ['a fires, b fires, c fires'])
  now.dispatcher.take(report(now.clock, ['a', 'b'], ['c']))
  evaluate(now, 6, ['a', 'b'])
  assert.deepEqual(now.told.slice(2), ['a fires, b fires, c is over'])
  evaluate(now, 250, ['a', 'b'])
  assert.deepEqual(now.told.slice(3), ['a fires, b fires'])
  now.dispatcher.close()
})

test('after a restart nobody is told again of what he knows, and of its end he is', () => {
  const before = scene()
  evaluate(before, 2, ['a', 'b'])
  assert.deepEqual(before.told, ['a fires, b fires'])
  const kept = JSON.parse(JSON.stringify(before.dispatcher.keep())) as KeptGroup[]
  before.dispatcher.close()

  const after = scene(before.clock, kept)
  evaluate(after, 7, ['a'])
  assert.deepEqual(after.told, ['a fires, b is over'])
  // The rule is gone: nobody says anything of it any more.
  after.clock.move(20 * MINUTE)
  assert.deepEqual(after.told.slice(1), ['a is over'])
  assert.deepEqual(after.dispatcher.keep(), [])
  after.dispatcher.close()
})

test('what is silenced is not told, its end is told to who knew of it, and a refused message is told again', () => {
  const now = scene()
  evaluate(now, 1, ['a'])
  assert.deepEqual(now.told, ['a fires'])
  const matchers = [{ name: 'instance', kind: '=', value: 'b' }] as const
  const nowMs = now.clock.nowMs()
  now.silences.put(
    {
      id: '1',
      matchers,
      startsAtMs: nowMs,
      endsAtMs: nowMs + 60 * MINUTE,
      createdBy: '',
      comment: '',
    },
    nowMs,
  )
  evaluate(now, 7, ['a', 'b'])
  assert.equal(now.told.length, 1)
  const [, standing] = now.dispatcher.standings()
  assert.deepEqual(standing?.silencedBy, ['1'])
  const [group] = now.dispatcher.keep()
  now.dispatcher.forgetTold(group?.key ?? '', 0)
  evaluate(now, 6, ['a', 'b'])
  assert.deepEqual(now.told.slice(1), ['a fires'])
  now.dispatcher.take(report(now.clock, [], ['a', 'b']))
  now.clock.move(6 * MINUTE)
  assert.deepEqual(now.told.slice(2), ['a is over'])
  now.dispatcher.close()
})

test('who was told of an alert is told of its end, also where a message between them was given up', () => {
  const now = scene()
  evaluate(now, 1, ['a'])
  const [group] = now.dispatcher.keep()
  now.dispatcher.forgetTold(group?.key ?? '', 0)
  now.dispatcher.take(report(now.clock, [], ['a']))
  now.clock.move(6 * MINUTE)
  assert.deepEqual(now.told, ['a fires', 'a is over'])
  now.dispatcher.close()
})
