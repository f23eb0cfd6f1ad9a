/** The thread that reads events, beside the one that writes. */
import type { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { engineFailureOf } from './failures.ts'
import type { Answer, FromThread, ToReader } from './messages.ts'
import { openForReading } from './open-file.ts'
import { PageReader } from './page-reader.ts'
import { findPosition, listStreams } from './look-up.ts'

function answer(sqlite: DatabaseSync, pages: PageReader, message: ToReader): Answer {
  switch (message.type) {
    case 'read':
      return { type: 'page', page: pages.read(message.request) }
    case 'stream':
      return { type: 'stream', facts: pages.facts(message.name) }
    case 'streams':
      return { type: 'streams', streams: listStreams(sqlite, message) }
    case 'position-at':
      return { type: 'number', value: findPosition(sqlite, message.atUs) }
    case 'close':
      sqlite.close()
      return { type: 'done' }
  }
}

function serve(port: NonNullable<typeof parentPort>, { file }: { readonly file: string }): void {
  const sqlite = openForReading(file)
  const pages = new PageReader(sqlite)
  port.on('message', (message: ToReader) => {
    const { ask } = message
    try {
      const done = answer(sqlite, pages, message)
      const moved = done.type === 'page' ? [done.page.bytes.buffer] : []
      port.postMessage({ type: 'answer', ask, answer: done } satisfies FromThread, moved)
    } catch (error) {
      port.postMessage({
        type: 'failed',
        ask,
        failure: engineFailureOf(error),
      } satisfies FromThread)
    }
    if (message.type === 'close') port.close()
  })
  port.postMessage({ type: 'open', end: 0 } satisfies FromThread)
}

if (parentPort !== null) serve(parentPort, workerData as { readonly file: string })
