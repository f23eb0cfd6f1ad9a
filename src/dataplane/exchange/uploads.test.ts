import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { probePort } from '../listeners/probe.ts'
import { type Chance, createChance, seedOfRun } from '../testing/chance.ts'
import { fieldOf, judgeConnection, type SeenRequest } from '../testing/judge.ts'
import type { LocalWorker } from '../testing/local-worker.ts'
import { reasonIn, say, startGateway } from '../testing/setup.ts'
import { type RawUpstream, startRawUpstream } from '../testing/sockets.ts'
import { testLimits } from '../testing/specs.ts'

const UPLOADS = 300
const AT_ONCE = 6
const roundRobin = { algorithm: 'round-robin', slowStartMs: 0, cookie: 'x' } as const

interface Upload {
  readonly id: number
  readonly method: string
  readonly isChunked: boolean
  readonly body: string
  /** As the client sends it, from the head to the last chunk. */
  readonly bytes: Buffer
}

/** A body in which every place says whose it is, so that a byte in the wrong request is seen. */
function bodyOf(id: number, length: number): string {
  return `<${id}>\r\nGET /smuggled-by-${id} HTTP/1.1\r\nHost: a\r\n\r\n`
    .repeat(Math.ceil(length / 40) + 1)
    .slice(0, length)
}

function createUpload(id: number, chance: Chance): Upload {
  const method = chance.is(0.7) ? 'PUT' : 'POST'
  const isChunked = chance.is(0.5)
  const length = chance.oneOf([0, 1, 30, 1_000, 20_000, 64_000, 70_000, 300_000])
  const body = bodyOf(id, length)
  const framing = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`
  let bytes = `${method} /upload/${id} HTTP/1.1\r\nHost: shop.example\r\nX-Upload: ${id}\r\n${framing}\r\n\r\n`
  if (!isChunked) bytes += body
  else {
    for (let at = 0; at < length;) {
      const size = Math.min(length - at, 1 + chance.int(chance.is(0.5) ? 40 : 40_000))
      bytes += `${size.toString(16)}\r\n${body.slice(at, at + size)}\r\n`
      at += size
    }
    bytes += '0\r\n\r\n'
  }
  return { id, method, isChunked, body, bytes: Buffer.from(bytes, 'latin1') }
}

/** Sends it in pieces, at random moments; stops when the gateway does not listen any more. */
async function send(socket: Socket, bytes: Buffer, chance: Chance): Promise<void> {
  let at = chance.is(0.3) ? bytes.length : chance.int(300)
  socket.write(bytes.subarray(0, at))
  while (at < bytes.length && !socket.destroyed) {
    await chance.wait()
    const size = 1 + chance.int(chance.oneOf([10, 2_000, 70_000, 400_000]))
    const isTaken = socket.write(bytes.subarray(at, at + size))
    at += size
    if (!isTaken && !socket.destroyed) {
      const left = new AbortController()
      const close = (): void => left.abort()
      socket.once('close', close)
      await once(socket, 'drain', { signal: left.signal }).catch(() => null)
      socket.off('close', close)
    }
  }
}

/** What the uploads of one run have come to. */
interface Seen {
  readonly connections: (() => string)[]
  /** Answered with 200 by an instance that had the whole of it. */
  readonly answered: Set<number>
}

/** An instance that fails at a random point of each of its connections, or answers what it got whole. */
async function startSaboteur(t: TestContext, chance: Chance, seen: Seen): Promise<RawUpstream> {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const serve = async (): Promise<void> => {
    for (;;) {
      const { socket, reader } = await upstream.accept()
      seen.connections.push(() => reader.text)
      sabotage(socket, () => reader.text, chance.fork(), seen)
    }
  }
  void serve()
  return upstream
}

function sabotage(socket: Socket, text: () => string, chance: Chance, seen: Seen): void {
  const endsAfter = chance.is(0.6)
    ? Infinity
    : chance.oneOf([0, 1, 50, 400, 5_000, 65_000, 100_000])
  const ending = chance.oneOf(['reset', 'end', 'freeze', 'destroy'] as const)
  let answered = 0
  const look = (): void => {
    const received = text()
    if (received.length >= endsAfter) {
      socket.off('data', look)
      if (ending === 'reset') socket.resetAndDestroy()
      else if (ending === 'end') socket.end()
      else if (ending === 'destroy') socket.destroy()
      return
    }
    const requests = judgeConnection(received)
    for (; answered < requests.length; answered++) {
      const request = requests[answered]!
      if (!request.isWhole) break
      seen.answered.add(Number(fieldOf(request, 'x-upload')))
      socket.write(
        `HTTP/1.1 200 OK\r\nX-Got: ${request.payload.length}\r\nContent-Length: 2\r\n\r\nok`,
      )
    }
  }
  socket.on('data', look)
  if (endsAfter === 0) look()
}

const CLEAN_ERRORS = new Set([502, 503, 504])

async function upload(
  t: TestContext,
  gateway: LocalWorker,
  one: Upload,
  chance: Chance,
): Promise<{ upload: Upload; answer: string }> {
  const { socket, reader } = say(t, gateway, '')
  socket.setNoDelay(true)
  const sent = send(socket, one.bytes, chance)
  const isEnded = /^HTTP\/1\.1 200 [^]*\r\n\r\nok$|"requestId"/
  const answer = await reader.until(isEnded).catch((error: unknown) => String(error))
  await sent
  socket.destroy()
  return { upload: one, answer }
}

function assertAnswer(
  { upload: one, answer }: { upload: Upload; answer: string },
  seen: Seen,
): void {
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])
  if (status !== 200) {
    assert.ok(CLEAN_ERRORS.has(status), `upload ${one.id}: ${answer}`)
    assert.notEqual(reasonIn(answer), 'ERR_GATEWAY_DEFECT')
    return
  }
  assert.ok(seen.answered.has(one.id))
  assert.equal(Number(/x-got: (\d+)/i.exec(answer)![1]), one.body.length)
}

/** Whatever an instance got is a prefix of the one true request, or the whole of it. */
function assertTrue(uploads: readonly Upload[], connections: readonly SeenRequest[][]): void {
  const seenPosts = new Map<number, number>()
  for (const request of connections.flat()) {
    const one = uploads[Number(fieldOf(request, 'x-upload'))]!
    assert.equal(request.target, `/upload/${one.id}`)
    assert.equal(request.method, one.method)
    assert.ok(
      one.body.startsWith(request.payload),
      `bytes in upload ${one.id} that are not its own`,
    )
    if (request.isWhole) assert.equal(request.payload.length, one.body.length)
    if (one.method === 'POST') seenPosts.set(one.id, (seenPosts.get(one.id) ?? 0) + 1)
  }
  for (const [id, count] of seenPosts) assert.equal(count, 1, `POST ${id} was sent ${count} times`)
}

test('uploads in pieces, while instances fail at every point: no instance gets anything but a true request', async (t) => {
  const chance = createChance(seedOfRun())
  t.diagnostic(`seed ${chance.seed}`)
  const seen: Seen = { connections: [], answered: new Set() }
  const one = await startSaboteur(t, chance.fork(), seen)
  const two = await startSaboteur(t, chance.fork(), seen)
  const dead = (await probePort('127.0.0.1', 0)).port
  const gateway = await startGateway(t, [one.port, two.port, dead], {
    service: {
      balance: roundRobin,
      attemptTimeoutMs: 80,
      timeoutMs: 3_000,
      connectionsPerInstanceMax: 2,
      retry: { attempts: 4, budgetRatio: 1, reservePerSecond: 1_000 },
      ejection: { failures: 0, baseMs: 1, maxMs: 1, shareMax: 0 },
    },
    gateway: { limits: { ...testLimits, bodyTimeoutMs: 500 } },
  })
  const uploads = Array.from({ length: UPLOADS }, (_, id) => createUpload(id, chance))
  const waiting = uploads.map((each) => ({ each, its: chance.fork() }))
  const results: Awaited<ReturnType<typeof upload>>[] = []
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      results.push(await upload(t, gateway, next.each, next.its))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  const connections = seen.connections.map((text) => judgeConnection(text()))
  assertTrue(uploads, connections)
  for (const result of results) assertAnswer(result, seen)
  const retried = gateway
    .recent(UPLOADS)
    .filter(({ attempts, status }) => attempts.length > 1 && status === 200)
  assert.ok(retried.length > 10, `only ${retried.length} uploads were saved by another attempt`)
  assert.equal(gateway.worker.context.defectCount, 0)
})
