import assert from 'node:assert/strict'
import { test } from 'node:test'
import { diffSettings } from './platform/config/difference.ts'
import type { LoadedConfig } from './platform/config/load.ts'
import { describeReload } from './reload-notice.ts'
import { settingsSchema, type Settings } from './settings.ts'

function load(file: object): LoadedConfig<Settings> {
  const settings = settingsSchema.parse(file) as Settings
  return {
    settings,
    sourceOf: () => 'default',
    files: [],
    environment: {},
    secretVariables: [],
    effective: () => settings,
  }
}

function tell(before: object, after: object, wasRefused = false): string {
  const [old, next] = [load(before), load(after)]
  return describeReload(diffSettings(old, next), old.settings, next.settings, wasRefused).text
}

const route = (path: string, to: string, more: object = {}): object => ({ path, to, ...more })
const base = {
  services: { orders: { run: 'node orders.js' }, old: { run: 'node old.js' } },
  gateway: { routes: [route('/orders/**', 'orders'), route('/old', 'old')] },
}

test('one new service and one new route are told by name, not by the number of their settings', () => {
  const text = tell(base, {
    services: { ...base.services, payments: { run: 'node payments.js' } },
    gateway: { routes: [route('/pay', 'payments', { methods: ['POST'] }), ...base.gateway.routes] },
  })
  assert.equal(
    text,
    'The configuration was applied: service payments added; route POST /pay added.',
  )
})

test('what has changed of a service and of a route, what is gone, and what else', () => {
  const text = tell(base, {
    name: 'shop',
    services: { orders: { run: 'node orders.js', env: { LEVEL: 'debug' }, instances: 2 } },
    gateway: {
      routes: [route('/orders/**', 'orders', { timeout: '1s' })],
      limits: { headers: 50 },
    },
  })
  assert.equal(
    text,
    "The configuration was applied: service orders (env.LEVEL, instances) changed; service old removed; route /orders/** (timeout) changed; route /old removed; name, gateway.limits.headers; name will be after the next 'backplane up'.",
  )
})

test('a repaired mistake is told, also where nothing else is new', () => {
  assert.equal(
    tell(base, base, true),
    'The mistake is repaired. The configuration was applied: nothing that is in force has changed.',
  )
})

test('many names are counted', () => {
  const services = Object.fromEntries(
    Array.from({ length: 12 }, (_, index) => [`s${index}`, { run: 'node s.js' }]),
  )
  const text = tell({}, { services })
  assert.match(text, /services s0, s1, s2, s3, s4, s5, s6, s7 and 4 more added\.$/)
})
