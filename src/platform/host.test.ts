import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Part, Prepared, Scope } from './capability.ts'
import { systemClock } from './clock.ts'
import { Host, StartError } from './host.ts'
import { ListenerBoard } from './listeners/board.ts'

/** A host whose parts write down what they do. */
function start(t: TestContext) {
  const done: string[] = []
  const logged: string[] = []
  const log = (_level: string, message: string, fields?: object) =>
    void logged.push(`${message} ${JSON.stringify(fields)}`)
  const listeners = new ListenerBoard({
    table: {},
    listen: { default: 'auto' },
    sourceOf: () => 'default',
    log,
    clock: systemClock,
    portsBefore: new Map(),
  })
  const host = new Host({ clock: systemClock, random: () => 0, log, listeners }, 'first')
  t.after(() => host[Symbol.asyncDispose]())
  const part =
    (name: string, refuses = '') =>
    (config: string, _needs: object, scope: Scope): Part<string, string> => {
      done.push(`start ${name} ${config}`)
      scope.onStop(() => void done.push(`stop ${name}`))
      return {
        api: name,
        prepare(next): Prepared {
          if (refuses === 'prepare') throw new Error(`${name} refuses ${next}`)
          done.push(`prepare ${name} ${next}`)
          return {
            commit() {
              if (refuses === 'commit') throw new Error('a defect')
              done.push(`commit ${name}`)
            },
            cancel: () => void done.push(`cancel ${name}`),
          }
        },
        metrics: () => [{ name: `of_${name}`, help: '', type: 'gauge', samples: [] }],
        problems: () => [
          { severity: 'warning', code: `of ${name}`, service: '', instance: '', text: '' },
        ],
      }
    }
  const add = (name: string, refuses?: string) =>
    host.start(name, part(name, refuses), (source) => source, {})
  return { host, add, done, logged }
}

test('what parts give is collected, and released in reverse', async (t) => {
  const { host, add, done } = start(t)
  assert.equal(await add('a'), 'a')
  await add('b')
  assert.deepEqual(
    host.problems().map(({ code }) => code),
    ['of a', 'of b'],
  )
  assert.deepEqual(
    host
      .metrics()
      .map(({ name }) => name)
      .filter((name) => name.startsWith('of_')),
    ['of_a', 'of_b'],
  )
  await host[Symbol.asyncDispose]()
  assert.deepEqual(done, ['start a first', 'start b first', 'stop b', 'stop a'])
})

test('a reload: all prepare, then all commit', async (t) => {
  const { host, add, done } = start(t)
  await add('a')
  await add('b')
  await host.reload('next')
  assert.deepEqual(done.slice(2), ['prepare a next', 'prepare b next', 'commit a', 'commit b'])
})

test('one part refuses: those that had prepared are cancelled in reverse, and nothing is committed', async (t) => {
  const { host, add, done } = start(t)
  await add('a')
  await add('b')
  await add('c', 'prepare')
  await assert.rejects(host.reload('next'), /c refuses next/)
  assert.deepEqual(done.slice(3), ['prepare a next', 'prepare b next', 'cancel b', 'cancel a'])
})

test('a commit that throws is a defect of ours: the others commit all the same, and it is told', async (t) => {
  const { host, add, done, logged } = start(t)
  await add('a', 'commit')
  await add('b')
  await host.reload('next')
  assert.equal(done.at(-1), 'commit b')
  assert.match(logged.join('\n'), /a step of a reload failed.*"capability":"a"/)
})

test('a part that throws when it is asked is a problem, told once, and costs only its own', async (t) => {
  const { host, add, logged } = start(t)
  await add('a')
  let isBroken = true
  await host.start(
    'b',
    () => ({
      api: '',
      metrics: () => {
        if (isBroken) throw new Error('a defect')
        return []
      },
    }),
    () => '',
    {},
  )
  for (let look = 0; look < 3; look++) {
    assert.equal(host.metrics().filter(({ name }) => name === 'of_a').length, 1)
    assert.deepEqual(
      host.problems().map(({ code }) => code),
      ['ERR_CAPABILITY_DEFECT', 'of a'],
    )
  }
  assert.equal(logged.length, 1)
  isBroken = false
  host.metrics()
  assert.equal(host.problems().length, 1)
})

test('a part that does not start names itself', async (t) => {
  const { host } = start(t)
  const failing = (): never => {
    throw new Error('no disk')
  }
  await assert.rejects(
    host.start('a', failing, () => '', {}),
    (error) => error instanceof StartError && error.message === 'a did not start: no disk',
  )
})
