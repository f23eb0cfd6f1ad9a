import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { startBackplane } from '../harness/backplane.ts'
import { findJs } from './harness/clients.ts'
import { runProgram } from './harness/programs.ts'

/** The address of the events of a Backplane of its own. */
async function start(t: TestContext): Promise<string> {
  const running = await startBackplane({
    config: 'listen: { default: off, gateway: 0, console: 0, kurrentdb: 0 }\nevents: {}\n',
  })
  t.after(() => running[Symbol.asyncDispose]())
  return running.ready.listen['kurrentdb'] ?? ''
}

for (const name of ['@eventstore/db-client', '@kurrent/kurrentdb-client']) {
  test(`${name}: appends, reads, indexes, metadata, deletions, subscriptions, filters, groups, discovery`, async (t) => {
    const client = await findJs(t, 'kurrent', 'js-events')
    if (client === undefined) return
    assert.equal(await runProgram(client, { args: [name, await start(t)] }), 'done')
  })
}
