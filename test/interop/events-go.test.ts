import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBackplane } from '../harness/backplane.ts'
import { findGo } from './harness/clients.ts'
import { runProgram } from './harness/programs.ts'

// In a file of its own: from nothing, its build takes minutes.
test('the Go client of KurrentDB: appends, reads, subscriptions, groups, deletions', async (t) => {
  const client = await findGo(t, 'events', 'go-events')
  if (client === undefined) return
  const running = await startBackplane({
    config: 'listen: { default: off, gateway: 0, console: 0, kurrentdb: 0 }\nevents: {}\n',
  })
  t.after(() => running[Symbol.asyncDispose]())
  const args = [running.ready.listen['kurrentdb'] ?? '']
  assert.equal(await runProgram(client, { args }), 'done')
})
