import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import type { IdentityReport, IdentityState } from '../../contracts/identity-state.ts'
import type { StateReport } from '../../contracts/state.ts'
import type { Log } from '../../platform/capability.ts'
import { systemClock } from '../../platform/clock.ts'
import { openStateSender } from '../../platform/state/sender.ts'
import { IdentityHouse } from './house.ts'
import { startIdentity } from './identity.ts'
import { makeFolder, startTestIssuer, testState } from './testing/house.ts'
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

test('a try that cannot open the store leaves nothing open behind it', async (t) => {
  const folder = makeFolder(t)
  await startTestIssuer(t, { masterKey: 'a key of at least 32 characters for this' }, { folder })
  const threads = () =>
    process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length
  const before = threads()
  const state = testState('http://localhost:1/identity', {
    masterKey: 'another one of at least 32 characters',
  })
  const options = { folder, state, clock: systemClock, log: () => {}, changed: () => {} }
  for (let tries = 0; tries < 3; tries++) {
    await assert.rejects(IdentityHouse.open(options), { code: 'ERR_IDENTITY_KEY_WRONG' })
  }
  assert.equal(threads(), before)
})

test('what failed before does not come back over what was asked for later', async (t) => {
  const folder = makeFolder(t)
  const port = await freePort()
  const asking = Promise.withResolvers<Socket>()
  const waits = Promise.withResolvers<void>()
  const retries = new Set<() => void>()
  const clock = {
    ...systemClock,
    after(ms: number, work: () => void) {
      if (ms !== 2_000) return systemClock.after(ms, work)
      retries.add(work)
      waits.resolve()
      return () => void retries.delete(work)
    },
  }
  const releases = new AsyncDisposableStack()
  t.after(() => releases.disposeAsync())
  const stateSocket = join(folder, 's.sock')
  const log: Log = () => {}
  const onStop = (release: () => void | Promise<void>) => releases.defer(release)
  await startIdentity({ dataDir: folder, stateSocket }, {}, { clock, log, onStop })
  const sender = openStateSender<IdentityState, IdentityReport>({
    socketPath: stateSocket,
    clock: systemClock,
    log,
  })
  t.after(() => sender.close())
  sender.publish(
    testState('http://localhost:1/identity', {
      postgres: `postgres://backplane@127.0.0.1:${port}/postgres`,
      masterKey: 'a key of at least 32 characters for this',
    }),
  )
  await waits.promise
  const database = createServer((socket) =>
    socket.on('error', () => {}).once('data', () => asking.resolve(socket)),
  )
  database.listen(port, '127.0.0.1')
  await once(database, 'listening')
  t.after(() => database.close())
  const [retry] = [...retries]
  retries.clear()
  retry?.()
  const socket = await asking.promise
  const isLater = new Promise<void>((resolve) =>
    sender.onReport(({ more, problems }) => {
      if (more?.issuer === 'http://localhost:2/identity' && problems.length === 0) resolve()
    }),
  )
  sender.publish(testState('http://localhost:2/identity'))
  // Identity has heard of it when it reports to somebody who came later.
  const second = openStateSender({ socketPath: stateSocket, clock: systemClock, log })
  await new Promise<void>((resolve) => second.onReport(() => resolve()))
  second.close()
  // It is refused: an ErrorResponse of PostgreSQL.
  const fields = 'SFATAL\0VFATAL\0C28000\0Mno\0\0'
  const head = Buffer.from('E\0\0\0\0')
  head.writeUInt32BE(fields.length + 4, 1)
  socket.end(Buffer.concat([head, Buffer.from(fields)]))
  await isLater
  assert.equal(retries.size, 0)
})
