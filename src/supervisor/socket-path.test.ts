import assert from 'node:assert/strict'
import { chmodSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { socketPath } from './socket-path.ts'

test('a socket is in the data folder, or where its path is short enough, for us alone', (t) => {
  assert.equal(socketPath('/data', 'control'), '/data/run/control.sock')
  const long = join('/data', 'x'.repeat(100))
  const path = socketPath(long, 'control')
  t.after(() => rmSync(dirname(path), { recursive: true }))
  assert.ok(Buffer.byteLength(path) < 100)
  assert.equal(statSync(dirname(path)).mode & 0o777, 0o700)
  assert.equal(dirname(socketPath(long, 'data')), dirname(path))
  assert.notEqual(dirname(socketPath(`${long}y`, 'data')), dirname(path))
  chmodSync(dirname(path), 0o755)
  assert.throws(() => socketPath(long, 'data'), /somebody else/)
})
