import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { StateReport } from '../../contracts/state.ts'
import { systemClock } from '../clock.ts'
import { openStateReceiver, type StateReceiver } from './receiver.ts'
import { openStateSender } from './sender.ts'

const log = () => {}

function socketIn(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-state-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 's.sock')
}

function receiver(
  socketPath: string,
  applied: number[],
  wait: () => Promise<void> = async () => {},
): Promise<StateReceiver> {
  return openStateReceiver<number>({
    socketPath,
    log,
    async apply(state) {
      await wait()
      applied.push(state)
      if (state < 0) throw new Error('no')
    },
    report: () => ({ listeners: [], problems: [] }),
  })
}

test('the newest state arrives, also after either side was away', async (context) => {
  const socketPath = socketIn(context)
  const sender = openStateSender<number>({ socketPath, clock: systemClock, log })
  const reports: StateReport[] = []
  let heard = Promise.withResolvers<void>()
  sender.onReport((report) => {
    reports.push(report)
    heard.resolve()
  })
  const next = async (): Promise<void> => {
    await heard.promise
    heard = Promise.withResolvers()
  }
  sender.publish(1)
  sender.publish(2)
  const first: number[] = []
  const one = await receiver(socketPath, first)
  await next()
  assert.deepEqual(first, [2])
  assert.equal(sender.report()?.version, 2)
  await one.close()

  const second: number[] = []
  const two = await receiver(socketPath, second)
  await next()
  assert.deepEqual(second, [2])

  const other = openStateSender<number>({ socketPath, clock: systemClock, log })
  const otherHeard = Promise.withResolvers<void>()
  other.onReport(() => otherHeard.resolve())
  other.publish(7)
  await otherHeard.promise
  assert.deepEqual(second, [2, 7])
  other.close()
  sender.close()
  await two.close()
})

test('while one state is put into force only the newest of all others waits; one that fails is acknowledged', async (context) => {
  const socketPath = socketIn(context)
  const gate = Promise.withResolvers<void>()
  const applied: number[] = []
  const one = await receiver(socketPath, applied, () => gate.promise)
  const sender = openStateSender<number>({ socketPath, clock: systemClock, log })
  const done = Promise.withResolvers<void>()
  sender.onReport(({ version }) => {
    if (version === 5) done.resolve()
    else sender.publish(-5)
  })
  for (const state of [1, 2, 3, 4]) sender.publish(state)
  gate.resolve()
  await done.promise
  assert.ok(applied.length <= 3, `${applied.join()}`)
  assert.equal(applied.at(-1), -5)
  sender.close()
  await one.close()
})
