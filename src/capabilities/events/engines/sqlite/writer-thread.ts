/** The thread that writes events: the only code that changes the file. */
import { closeSync, openSync, rmSync } from 'node:fs'
import { backup } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { engineFailureOf } from './failures.ts'
import { GroupCommit } from './group-commit.ts'
import type { Answer, FromThread, ToWriter } from './messages.ts'
import { openForReading, openForWriting } from './open-file.ts'
import { Scavenger } from './scavenger.ts'

/** More than a file can have: as many as one step can be told. */
const ALL_PAGES = 0x7fffffff

function open(file: string) {
  const sqlite = openForWriting(file)
  return { sqlite, commits: new GroupCommit(sqlite), scavenger: new Scavenger(sqlite) }
}

/**
 * Over a connection of its own and in one step: beside the one that writes, which a step would find locked and call an error; in several steps each commit in between
 * would begin it anew. Nobody waits for it: the log keeps what is written meanwhile.
 */
async function copyTo(copy: string, file: string): Promise<void> {
  // Made by us before SQLite fills it: everything that was ever stored is for nobody else.
  closeSync(openSync(copy, 'wx', 0o600))
  const source = openForReading(file)
  try {
    await backup(source, copy, { rate: ALL_PAGES })
  } catch (error) {
    // Half a copy is not taken for one.
    rmSync(copy, { force: true })
    throw error
  } finally {
    source.close()
  }
}

async function answer(
  { sqlite, commits, scavenger }: ReturnType<typeof open>,
  file: string,
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
      await copyTo(message.file, file)
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
    void answer(store, file, message)
      .then((done) => say({ type: 'answer', ask, answer: done }))
      .catch((error: unknown) => say({ type: 'failed', ask, failure: engineFailureOf(error) }))
      .finally(() => {
        if (message.type === 'close') port.close()
      })
  })
  say({ type: 'open', end: store.commits.end })
}

if (parentPort !== null) serve(parentPort, workerData as { readonly file: string })
