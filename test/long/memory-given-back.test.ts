import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { startBackplane, until, type Running } from '../harness/backplane.ts'
import { dataMemoryMib, openSocket, startRawService } from '../harness/raw.ts'

const READERS = 2_000
/** More than the kernel takes for a client that does not read: the rest waits in our memory. */
const ANSWER_BYTES = 6 * 1024 * 1024
const answer = Buffer.concat([
  Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${ANSWER_BYTES}\r\n\r\n`),
  Buffer.alloc(ANSWER_BYTES, 'x'),
])
const KEPT_MAX_MIB = 80

/** One that has asked and does not read; resolves when the answer has begun. */
async function readSlowly({ gateway }: Running): Promise<Socket> {
  const socket = openSocket(gateway)
  socket.write('GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await new Promise<void>((done) => socket.once('readable', done).once('close', done))
  return socket
}

test('memory that 2,000 slow readers needed is given back when they are gone', async (t) => {
  await using service = await startRawService((socket) => {
    socket.on('data', () => socket.write(answer))
  })
  await using backplane = await startBackplane({
    config: `
name: slow-readers
listen: { default: off, gateway: 0, console: 0 }
services: { bytes: { at: ["${service.address}"], connections: 5000, health: { interval: 1h } } }
gateway: { routes: [{ path: /**, to: bytes }] }
`,
  })
  const beforeMib = await dataMemoryMib(backplane)
  const sockets: Socket[] = []
  while (sockets.length < READERS) {
    sockets.push(...(await Promise.all(Array.from({ length: 50 }, () => readSlowly(backplane)))))
  }
  const duringMib = await dataMemoryMib(backplane)
  for (const socket of sockets) socket.destroy()
  let lowestMib = Infinity
  const isGivenBack = async () => {
    lowestMib = Math.min(lowestMib, await dataMemoryMib(backplane))
    return lowestMib < beforeMib + KEPT_MAX_MIB
  }
  await until(isGivenBack, 'the memory', 25_000).catch(() => {})
  const figures = [beforeMib, duringMib, lowestMib].map(Math.round)
  t.diagnostic(`MiB before, during, after: ${figures.join(', ')}`)
  assert.ok(duringMib > beforeMib + KEPT_MAX_MIB, `they needed nothing: ${figures.join()}`)
  assert.ok(await isGivenBack(), `MiB before, during, after: ${figures.join()}`)
})
