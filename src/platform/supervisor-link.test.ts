import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { FromSupervisor, OutputLine, ToSupervisor } from '../contracts/supervisor.ts'
import { openSupervisorLink } from './supervisor-link.ts'

function start() {
  const sent: ToSupervisor[] = []
  const port = Object.assign(new EventEmitter(), {
    send: (message: ToSupervisor) => sent.push(message),
  })
  const says = (message: FromSupervisor) => port.emit('message', message)
  return { link: openSupervisorLink(port as never), sent, says }
}

const own = [{ name: 'data', pid: 3, restarts: 1, lastReason: 'ended by SIGKILL' }] as const
const line: OutputLine = { seq: 1, atMs: 1, process: 'a-1', stream: 'stdout', text: 'x' }

test('events are acknowledged after they were heard; who we are is kept', async () => {
  const { link, sent, says } = start()
  const heard: string[] = []
  link.onProcesses((changed) => heard.push(`${changed.length} changed, ${sent.length} sent`))
  link.onReload(() => heard.push('reload'))
  link.onStopping(() => heard.push('stopping'))
  says({ type: 'hello', supervisorPid: 1, own: [], processes: [] })
  assert.equal((await link.hello).supervisorPid, 1)
  says({ type: 'events', own, processes: [] })
  says({ type: 'reload' })
  says({ type: 'stopping' })
  assert.deepEqual(heard, ['0 changed, 0 sent', 'reload', 'stopping'])
  assert.deepEqual(sent, [{ type: 'events-seen' }])
  assert.deepEqual(link.own(), own)
})

test('the next batch of output is asked for when the last one was taken, and not after the end', async () => {
  const { link, sent, says } = start()
  const taken = Promise.withResolvers<void>()
  const end = link.follow({ processes: ['a-1'] }, 5, () => taken.promise)
  assert.deepEqual(sent.splice(0), [
    { type: 'follow', subscription: 1, processes: ['a-1'], tail: 5 },
  ])
  says({ type: 'output', subscription: 1, lines: [line], dropped: 0 })
  says({ type: 'output', subscription: 9, lines: [line], dropped: 0 })
  await turn()
  assert.deepEqual(sent, [])
  taken.resolve()
  await turn()
  assert.deepEqual(sent.splice(0), [{ type: 'output-seen', subscription: 1 }])
  end()
  end()
  says({ type: 'output', subscription: 1, lines: [line], dropped: 0 })
  await turn()
  assert.deepEqual(sent, [{ type: 'unfollow', subscription: 1 }])
})
