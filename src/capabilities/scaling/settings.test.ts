import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_BEHAVIOR } from '../../mechanisms/autoscale/behavior.ts'
import { DEFAULT_READING_TERMS } from '../../mechanisms/autoscale/metrics.ts'
import { settingsSchema } from '../../settings.ts'
import { scalingConfig, scalingSettings } from './settings.ts'

const bounds = { min: 1, max: 8 }

function servicesOf(web: object) {
  return settingsSchema.parse({ services: { web } }).services
}

function refusals(web: object): string {
  return scalingSettings
    .check({ services: servicesOf(web) })
    .map((one) => one.message)
    .join('; ')
}

test('without more than a target it is the default behavior of Kubernetes', () => {
  const scale = { target: { requests: '200/s' } }
  const services = servicesOf({ run: 'node web.js', instances: bounds, scale })
  assert.deepEqual(scalingConfig(services).get('web'), {
    everyMs: 2000,
    terms: { ...DEFAULT_READING_TERMS, min: 1, max: 8, behavior: DEFAULT_BEHAVIOR },
    targets: {
      requestsPerSecond: 200,
      concurrency: undefined,
      cpuPercent: undefined,
      latencies: [],
    },
  })
  assert.equal(refusals({ run: 'node web.js', instances: bounds, scale }), '')
})

test('all of it', () => {
  const scale = {
    target: { cpu: '70%', concurrency: 2.5, latency: { p95: '250ms', p99: '1s' } },
    every: '1s',
    tolerance: '5%',
    up: { stabilization: '1m', policies: [{ instances: 2, percent: 50, period: '30s' }] },
    down: { select: 'disabled' },
  }
  const got = scalingConfig(servicesOf({ run: 'x', instances: bounds, scale })).get('web')
  assert.deepEqual(got?.targets, {
    requestsPerSecond: undefined,
    concurrency: 2.5,
    cpuPercent: 70,
    latencies: [
      { share: 0.95, ms: 250 },
      { share: 0.99, ms: 1000 },
    ],
  })
  assert.deepEqual(got?.terms.tolerance, { up: 0.05, down: 0.05 })
  assert.deepEqual(got?.terms.behavior.up, {
    stabilizationMs: 60_000,
    select: 'max',
    policies: [
      { unit: 'replicas', value: 2, periodMs: 30_000 },
      { unit: 'percent', value: 50, periodMs: 30_000 },
    ],
  })
  assert.equal(got?.terms.behavior.down.select, 'disabled')
})

test('what cannot work is refused, with what to write', () => {
  const web = (scale: object, more: object = {}) =>
    refusals({ run: 'node web.js', instances: bounds, scale, ...more })
  const target = { requests: '1/s' }
  assert.match(web({ target }, { run: undefined, at: ['127.0.0.1:1'] }), /that Backplane runs/)
  assert.match(web({ target }, { task: true }), /no task/)
  assert.match(web({ target }, { instances: 3 }), /instances: \{ min: 1, max: 8 \}/)
  assert.match(web({ target }, { instances: { min: 0, max: 8 } }), /at least 1/)
  assert.match(web({ target: {} }), /needs a target/)
  assert.match(web({ target: { requests: '0/s' } }), /above 0/)
  assert.match(web({ target: { cpu: '0%' } }), /above 0/)
  assert.match(web({ target, up: { policies: [{ period: '1m' }] } }), /allows nothing/)
})
