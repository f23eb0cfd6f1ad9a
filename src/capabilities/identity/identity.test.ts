import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { IdentityReport, IdentityState } from '../../contracts/identity-state.ts'
import type { StateReport } from '../../contracts/state.ts'
import type { Log } from '../../platform/capability.ts'
import { systemClock } from '../../platform/clock.ts'
import { openStateSender } from '../../platform/state/sender.ts'
import { startIdentity } from './identity.ts'
import { makeFolder, testState } from './testing/house.ts'
import { freePort, startTestPostgres } from './testing/postgres.ts'

test('a database that comes later than identity is a problem until it is there, and needs no hand', async (t) => {
  const folder = makeFolder(t)
  const port = await freePort()
  const log: Log = () => {}
  const releases = new AsyncDisposableStack()
  t.after(() => releases.disposeAsync())
  const stateSocket = join(folder, 's.sock')
  await startIdentity(
    { dataDir: folder, stateSocket },
    {},
    { clock: systemClock, log, onStop: (release) => releases.defer(release) },
  )
  const sender = openStateSender<IdentityState, IdentityReport>({
    socketPath: stateSocket,
    clock: systemClock,
    log,
  })
  t.after(() => sender.close())
  const until = (holds: (report: StateReport<IdentityReport>) => boolean) =>
    new Promise<StateReport<IdentityReport>>((resolve) =>
      sender.onReport((report) => {
        if (holds(report)) resolve(report)
      }),
    )
  const isBroken = until(({ problems }) => problems.length === 1)
  sender.publish(
    testState('http://localhost:1/identity', {
      postgres: `postgres://backplane@127.0.0.1:${port}/postgres`,
      masterKey: 'a key of at least 32 characters for this',
    }),
  )
  const [problem] = (await isBroken).problems
  assert.equal(problem?.code, 'ERR_IDENTITY_STATE')
  const isWell = until(({ problems, more }) => problems.length === 0 && more?.keys.length === 2)
  const server = await startTestPostgres(port)
  if (server === undefined) return t.skip("SKIPPED: Debian's postgresql is missing (npm run peers)")
  t.after(() => server.stop())
  const { more } = await isWell
  assert.ok(more?.keys.every((key) => key['d'] === undefined && key['use'] === 'sig'))
  const isAway = until(({ problems }) => problems[0]?.code === 'ERR_IDENTITY_STORE')
  await server.stop()
  await isAway
})
