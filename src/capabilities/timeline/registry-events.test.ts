import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Change, Instance } from '../discovery/model.ts'
import { registryEvents, seenInstance } from './registry-events.ts'

function change(of: Partial<Instance>, action: Change['action'] = 'modified'): Change {
  const instance = {
    service: 'a',
    id: 'a-1',
    host: '10.0.0.1',
    port: 80,
    origin: 'registered',
    source: 'consul',
    health: 'passing',
    override: undefined,
    overrideReason: '',
    checks: [],
    ...of,
  } as unknown as Instance
  return { index: 1, atMs: 0, action, instance }
}

const texts = (before: Change | undefined, now: Change) =>
  registryEvents(before === undefined ? undefined : seenInstance(before.instance), now).map(
    ({ kind, severity, text }) => `${kind} ${severity} ${text}`,
  )

test('a registration comes, fails, is well again, is set aside and goes', () => {
  const well = change({}, 'added')
  assert.deepEqual(texts(undefined, well), [
    'registration info was registered (consul) at 10.0.0.1:80',
    'health info is healthy',
  ])
  assert.deepEqual(texts(well, change({})), [], 'a heartbeat is no event')
  const checks = [{ status: 'critical', output: 'connection refused\nmore' }] as never
  const failing = change({ health: 'critical', checks })
  assert.deepEqual(texts(well, failing), ['health error fails its check: connection refused'])
  assert.deepEqual(texts(failing, well), ['health info is well again'])
  const aside = change({ override: 'maintenance', overrideReason: 'disk swap', health: 'critical' })
  assert.deepEqual(texts(well, aside)[0], 'operator info is set to maintenance: disk swap')
  assert.deepEqual(texts(well, change({}, 'removed')), [
    'registration info left the registry (consul)',
  ])
})

test('one that starts is not called sick, and the come and go of our own is told by its process', () => {
  const starting = change({ origin: 'run', health: 'unknown' }, 'added')
  assert.deepEqual(texts(undefined, starting), [])
  assert.deepEqual(texts(starting, change({ origin: 'run', health: 'critical' })), [])
  assert.deepEqual(texts(starting, change({ origin: 'run' })), ['health info is healthy'])
  assert.deepEqual(texts(starting, change({ origin: 'run' }, 'removed')), [])
})
