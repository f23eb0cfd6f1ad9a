import assert from 'node:assert/strict'
import { readdirSync, truncateSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { labelsOf } from '../../../mechanisms/labels/labels.ts'
import { encodeLabels } from '../../../mechanisms/remote-write/encode-labels.ts'
import { parseLabels, WriteRequestReader } from '../../../mechanisms/remote-write/write-request.ts'
import { decompressSnappy } from '../../../mechanisms/snappy/snappy.ts'
import { systemClock } from '../../../platform/clock.ts'
import { machineFiles } from '../store/files.ts'
import { temporaryFolder } from '../store/testing/stores.ts'
import { HandOver } from './hand-over.ts'
import { HandOverQueue } from './queue.ts'

const ground = { clock: systemClock, log: () => {}, files: machineFiles }
const key = (ref: number) => encodeLabels(labelsOf([['n', String(ref)]]))

/** A store that takes what it is told to take. */
async function startReceiver(answer: (names: readonly string[]) => number) {
  const taken: string[][] = []
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      const bytes = decompressSnappy(body, 1e9)
      const reader = new WriteRequestReader(bytes)
      const names: string[] = []
      while (reader.next() === 'series') {
        names.push(parseLabels(bytes, reader.labelsStart, reader.labelsEnd).get('n'))
      }
      const status = answer(names)
      if (status === 204) taken.push(names)
      response.writeHead(status).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    taken,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function until(isThere: () => boolean): Promise<void> {
  while (!isThere()) await new Promise((resolve) => setImmediate(resolve))
}

function openHandOver(folder: string, url: string): Promise<HandOver> {
  return HandOver.open(
    { folder, clock: systemClock, random: () => 0, log: () => {}, key },
    { targets: [{ url, headers: [] }], queueBytesMax: 1e9 },
  )
}

test('a refused commit does not take the ones beside it along', async () => {
  using folder = temporaryFolder()
  let isAway = true
  await using receiver = await startReceiver((names) =>
    isAway ? 503 : names.includes('2') ? 400 : 204,
  )
  const handOver = await openHandOver(folder.path, receiver.url)
  for (const ref of [1, 2, 3]) {
    handOver.add(ref, 1_000, 0, 0)
    await handOver.commit()
  }
  await until(() => handOver.problems().length > 0)
  assert.match(
    handOver.problems()[0]?.text ?? '',
    /cannot be handed over to 127\.0\.0\.1:\d+: it answered 503/,
  )
  isAway = false
  await until(() => receiver.taken.flat().length === 2)
  assert.deepEqual(receiver.taken.flat(), ['1', '3'])
  await handOver.close()
})

test('a restart goes on where the last one ended, and a new target begins now', async () => {
  using folder = temporaryFolder()
  await using receiver = await startReceiver(() => 204)
  let handOver = await openHandOver(folder.path, receiver.url)
  handOver.add(1, 1_000, 0, 0)
  await handOver.commit()
  await until(() => receiver.taken.length === 1)
  handOver.add(2, 1_000, 0, 0)
  await handOver.commit()
  await handOver.close()
  handOver = await openHandOver(folder.path, receiver.url)
  handOver.add(3, 1_000, 0, 0)
  await handOver.commit()
  await until(() => receiver.taken.flat().includes('3'))
  assert.deepEqual([...new Set(receiver.taken.flat())], ['1', '2', '3'])

  await using other = await startReceiver(() => 204)
  const targets = [receiver.url, other.url].map((url) => ({ url, headers: [] }))
  await handOver.set({ targets, queueBytesMax: 1e9 })
  handOver.add(4, 1_000, 0, 0)
  await handOver.commit()
  await until(() => other.taken.flat().includes('4'))
  assert.deepEqual(other.taken.flat(), ['4'])
  await handOver.set({ targets: [], queueBytesMax: 1e9 })
  assert.deepEqual(readdirSync(join(folder.path, 'queue')), [])
  await handOver.close()
})

test('the queue reads over a torn end, and gives up the oldest when it is full', async () => {
  using folder = temporaryFolder()
  const begin = { segment: 0, offset: 0 }
  let queue = await HandOverQueue.open(folder.path, ground)
  queue.append(Buffer.from('one'))
  queue.append(Buffer.from('two'))
  await queue.flush()
  await queue.close()
  const [name = ''] = readdirSync(folder.path)
  truncateSync(join(folder.path, name), 8 + 3 + 8 + 1)
  queue = await HandOverQueue.open(folder.path, ground)
  const first = await queue.read(begin, 1_000)
  assert.deepEqual(first.records.map(String), ['one'])
  assert.deepEqual((await queue.read(first.next, 1_000)).records, [])
  queue.append(Buffer.from('three'))
  await queue.flush()
  const second = await queue.read(first.next, 1_000)
  assert.deepEqual(second.records.map(String), ['three'])
  assert.deepEqual((await queue.read(second.next, 1_000)).next, second.next)

  const large = Buffer.alloc(5 * 1024 * 1024, 1)
  for (let count = 0; count < 4; count++) {
    queue.append(large)
    await queue.flush()
  }
  assert.ok((await queue.tidy(0, 12 * 1024 * 1024)) > second.next.segment)
  assert.ok(queue.droppedSegments > 0)
  await queue.close()
})

test('what comes while a target is changed is handed over as well', async () => {
  using folder = temporaryFolder()
  await using receiver = await startReceiver(() => 204)
  const handOver = await openHandOver(folder.path, receiver.url)
  const changed = handOver.set({
    targets: [{ url: receiver.url, headers: [['authorization', 'Bearer new']] }],
    queueBytesMax: 1e9,
  })
  handOver.add(1, 1_000, 0, 0)
  await handOver.commit()
  await changed
  handOver.add(2, 1_000, 0, 0)
  await handOver.commit()
  await until(() => receiver.taken.flat().includes('2'))
  assert.deepEqual(receiver.taken.flat(), ['1', '2'])
  await handOver.close()
})
