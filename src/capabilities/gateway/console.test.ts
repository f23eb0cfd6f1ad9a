import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RequestRecord, InstanceTotals } from '../../contracts/snapshot.ts'
import { serveRoutes } from '../../platform/http/testing/serve.ts'
import { gatewayProblems, registerRequestRoutes } from './console.ts'

test('requests and why', async (t) => {
  const asked: unknown[] = []
  const { call } = await serveRoutes(t, [
    (app) =>
      registerRequestRoutes(app, {
        why: (requestId) =>
          Promise.resolve(requestId === 'known' ? ({ requestId } as RequestRecord) : undefined),
        recent(...question) {
          asked.push(question)
          return Promise.resolve([])
        },
      }),
  ])
  assert.equal((await call('/api/v1/why/known')).text, '{"requestId":"known"}')
  assert.match((await call('/api/v1/why/unknown')).text, /ERR_GATEWAY_REQUEST_UNKNOWN/)
  assert.equal((await call('/api/v1/requests?failed=true&limit=7')).text, '[]')
  assert.deepEqual(asked, [[7, true]])
  assert.equal((await call('/api/v1/requests?limit=501')).status, 400)
})

test('data that is away, and who is left out, until its time is over', () => {
  const row = { service: 'orders', id: 'orders-1', ejectedUntilMs: 100 } as InstanceTotals
  const codes = (isConnected: boolean, nowMs: number) =>
    [...gatewayProblems({ instances: () => [row].values() }, isConnected, nowMs)].map(
      ({ code, instance }) => `${code} ${instance}`,
    )
  assert.deepEqual(codes(true, 99), ['ERR_GATEWAY_EJECTED orders-1'])
  assert.deepEqual(codes(true, 100), [])
  assert.deepEqual(codes(false, 100), ['ERR_GATEWAY_DATA_AWAY '])
})
