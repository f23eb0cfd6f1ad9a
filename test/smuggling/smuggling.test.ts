import assert from 'node:assert/strict'
import { test } from 'node:test'
import { smugglingVectors } from '../conformance/smuggling-vectors.ts'
import { startBlindProxy, startCodecProxy } from './codec-server.ts'
import { judgeVector } from './judge.ts'
import { startRecorder } from './recorder.ts'
import { smugglingSuite } from './suite.ts'

smugglingSuite('the codec', startCodecProxy)

test('a proxy that copies bytes is caught', async () => {
  const recorder = await startRecorder()
  const proxy = await startBlindProxy(recorder.port)
  const caught: string[] = []
  const wanted = [
    'connection-private-name',
    'trust-x_forwarded_for',
    'upgrade-h2c',
    'target-absolute',
  ]
  for (const vector of smugglingVectors.filter(({ id }) => wanted.includes(id))) {
    await judgeVector(proxy.port, recorder, vector).catch(() => caught.push(vector.id))
  }
  await proxy.stop()
  await recorder.stop()
  assert.deepEqual(new Set(caught), new Set(wanted))
})
