import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultService, settingsSchema } from '../../settings.ts'
import { type LabelledInstance, labelsOf } from './labels.ts'

const settings = settingsSchema.parse({
  services: {
    orders: {
      at: ['127.0.0.1:1'],
      balance: {
        backups: ['orders-9', '10.0.0.9:80', '[fd00::9]:80'],
        subset: { label: 'version', header: 'X-Version' },
      },
    },
  },
  gateway: { zone: 'a' },
})
const config = { settings, defaults: defaultService(), sourceOf: () => 'default', folder: '.' }
const one = (change: Partial<LabelledInstance> = {}): LabelledInstance => ({
  service: 'orders',
  id: 'orders-1',
  host: '10.0.0.1',
  port: 80,
  meta: {},
  tags: [],
  ...change,
})

test('zone, priority and the label of the subset are of the metadata, backups of it or of the file', () => {
  const cases: readonly (readonly [Partial<LabelledInstance>, object])[] = [
    [{}, {}],
    [{ meta: { zone: 'a', priority: '0', version: '' } }, {}],
    [{ meta: { zone: 'b' } }, { level: 1 }],
    [{ meta: { zone: 'a', priority: '2' } }, { level: 4 }],
    [{ meta: { zone: 'b', priority: '9' } }, { level: 15 }],
    [{ meta: { priority: '-1', backup: 'yes' } }, {}],
    [{ meta: { priority: '17' } }, {}],
    [{ meta: { version: 'v2', backup: 'true' } }, { isBackup: true, subset: 'v2' }],
    [{ id: 'orders-9' }, { isBackup: true }],
    [{ host: '10.0.0.9' }, { isBackup: true }],
    [{ host: 'fd00::9' }, { isBackup: true }],
    [{ service: 'unknown', id: 'orders-9', meta: { version: 'v2', zone: 'b' } }, { level: 1 }],
  ]
  for (const [change, expected] of cases) assert.deepEqual(labelsOf(config, one(change)), expected)
  const nowhere = { ...config, settings: settingsSchema.parse({ services: {} }) }
  assert.deepEqual(labelsOf(nowhere, one({ meta: { zone: 'b' } })), {})
})
