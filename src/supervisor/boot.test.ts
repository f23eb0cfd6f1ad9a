import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BootMissingError, parseBoot } from './boot.ts'

test('what the supervisor gives is read; everything else says how to start it', () => {
  const boot = {
    configFile: 'backplane.yaml',
    overlay: '',
    dataDir: '.backplane',
    snapshotSocket: 's',
    recordsSocket: 'r',
    adminSocket: 'a',
    adminSockets: [{ name: 'control', path: 'a', statePath: 's' }],
    json: false,
    workers: 2,
  }
  assert.deepEqual(parseBoot(JSON.stringify(boot)), boot)
  for (const text of [
    undefined,
    '',
    '7',
    'null',
    '{}',
    JSON.stringify({ ...boot, workers: '2' }),
  ]) {
    assert.throws(() => parseBoot(text), BootMissingError)
  }
})
