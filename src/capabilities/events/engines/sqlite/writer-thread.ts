/** The thread that writes events: the only code that changes the file. */
import { backup } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { engineFailureOf } from './failures.ts'
import { GroupCommit } from './group-commit.ts'
import type { Answer, FromThread, ToWriter } from './messages.ts'
import { openForWriting } from './open-file.ts'
import { Scavenger } from './scavenger.ts'

function open(file: string) {
  const sqlite = openForWriting(file)
  return { sqlite, commits: new GroupCommit(sqlite), scavenger: new Scavenger(sqlite) }
}

async function answer(
  { sqlite, commits, scavenger }: ReturnType<typeof open>,
  message: ToWriter,
): Promise<Answer> {
  switch (message.type) {
    case 'group': {
      const { buffer, byteOffset, length } = message.bytes
      const bytes = Buffer.from(buffer, byteOffset, length)
      const outcomes = commits.commit(message.writes, bytes, message.nowUs)
      return { type: 'group', outcomes, end: commits.end }
    }
    case 'scavenge':
      return {
        type: 'scavenged',
        result: scavenger.step(message.step, commits.end, commits.lastUs),
      }
    case 'backup':
      await backup(sqlite, message.file)
      return { type: 'done' }
    case 'close':
      sqlite.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      sqlite.close()
      return { type: 'done' }
  }
}

function serve(port: NonNullable<typeof parentPort>, { file }: { readonly file: string }): void {
  const say = (message: FromThread) => port.postMessage(message)
  let store: ReturnType<typeof open>
  try {
    store = open(file)
  } catch (error) {
    say({ type: 'not-open', message: error instanceof Error ? error.message : String(error) })
    return
  }
  port.on('message', (message: ToWriter) => {
    const { ask } = message
    void answer(store, message)
      .then((done) => say({ type: 'answer', ask, answer: done }))
      .catch((error: unknown) => say({ type: 'failed', ask, failure: engineFailureOf(error) }))
      .finally(() => {
        if (message.type === 'close') port.close()
      })
  })
  say({ type: 'open', end: store.commits.end })
}

if (parentPort !== null) serve(parentPort, workerData as { readonly file: string })
