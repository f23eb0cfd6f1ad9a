import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import type { PortUser } from '../../contracts/supervisor.ts'
import { systemClock } from '../../platform/clock.ts'
import type { PortHolder } from './port-holder.ts'
import { watchPort, type PortWatchTarget } from './port-watch.ts'

const isLinux = process.platform === 'linux'
const TARGET: PortWatchTarget = { port: 1, group: 10, id: 'a-1', program: 'node', mark: 'm' }

function watch(target: PortWatchTarget = TARGET) {
  let due: (() => void) | null = null
  const after = (_delayMs: number, callback: () => void) => {
    due = callback
    return () => void (due = null)
  }
  const clock = { ...systemClock, after }
  const users: PortUser[] = []
  let holders: readonly PortHolder[] = []
  let looks = 0
  const end = watchPort(
    target,
    clock,
    (user) => users.push(user),
    () => {
      looks++
      return holders
    },
  )
  return {
    users,
    end,
    looks: () => looks,
    /** They listen when it looks next, if it looks any more. */
    hold(...next: readonly PortHolder[]) {
      holders = next
      const look = due
      due = null
      look?.()
    },
  }
}

test('nobody, then a stranger, then itself: each is told once, and then nobody looks any more', async (t) => {
  if (!isLinux) return t.skip('needs /proc (Linux)')
  const port = watch()
  const stranger = { pid: 99, name: 'other', group: 99 }
  port.hold()
  port.hold(stranger)
  port.hold(stranger)
  port.hold(stranger, { pid: 11, name: 'node', group: 10 })
  const looks = port.looks()
  port.hold(stranger)
  assert.equal(port.looks(), looks)
  assert.deepEqual(port.users, [
    { kind: 'nobody' },
    { kind: 'other', pid: 99, name: 'other' },
    { kind: 'own' },
  ])
})

test('a process that nobody may look into, and a program that has others listen, are believed', async (t) => {
  if (!isLinux) return t.skip('needs /proc (Linux)')
  const hidden = watch()
  hidden.hold({ pid: 0, name: '', group: 0 })
  assert.deepEqual(hidden.users.at(-1), { kind: 'own' })
  assert.deepEqual(watch({ ...TARGET, program: '/usr/bin/docker' }).users, [{ kind: 'own' }])
})

test('a helper outside of the group is known by its environment, one of another instance is not', async (t) => {
  if (!isLinux) return t.skip('needs /proc (Linux)')
  const env = { BACKPLANE_RUN: 'm', BACKPLANE_INSTANCE: 'a-1' }
  const child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1e6)'], {
    env,
    detached: true,
  })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  const holder = { pid: child.pid!, name: 'node', group: child.pid! }
  const own = watch()
  own.hold(holder)
  assert.deepEqual(own.users.at(-1), { kind: 'own' })
  const other = watch({ ...TARGET, id: 'b-1' })
  other.hold(holder)
  other.end()
  assert.equal(other.users.at(-1)?.kind, 'other')
})

test('an end is an end', () => {
  const port = watch()
  port.end()
  const looks = port.looks()
  port.hold()
  assert.equal(port.looks(), looks)
})
