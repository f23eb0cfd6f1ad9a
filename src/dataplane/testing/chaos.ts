import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { resetSocket } from '../io/sockets.ts'
import type { Chance } from './chance.ts'
import { fieldOf, judgeConnection, type SeenRequest } from './judge.ts'
import type { LocalWorker } from './local-worker.ts'
import { readFrom, type Reader, startRawUpstream } from './sockets.ts'

/** Instances and clients of a test that lets everything happen at every moment. Each byte of a body says whose it is: `<id>`. */

const PATIENCE_MS = 4_000

/** An instance that does whatever one may do, and what it got. */
export interface ChaosInstance {
  readonly port: number
  /** The text of each connection so far. */
  readonly texts: (() => string)[]
  close(): void
}

export async function startChaosInstance(chance: Chance, isRaw: boolean): Promise<ChaosInstance> {
  const upstream = await startRawUpstream()
  const texts: (() => string)[] = []
  const serve = async (): Promise<void> => {
    for (;;) {
      const { socket, reader } = await upstream.accept()
      texts.push(() => reader.text)
      if (isRaw) void echo(socket, chance.fork())
      else void answerAll(socket, reader, chance.fork())
    }
  }
  void serve()
  return { port: upstream.port, texts, close: () => upstream.close() }
}

async function echo(socket: Socket, chance: Chance): Promise<void> {
  if (chance.is(0.2)) return leave(socket, chance)
  socket.on('end', () => socket.end())
  socket.pipe(socket, { end: false })
  if (chance.is(0.3)) {
    await chance.wait()
    leave(socket, chance)
  }
}

function leave(socket: Socket, chance: Chance): void {
  const how = chance.oneOf(['reset', 'end', 'destroy'] as const)
  if (how === 'reset') resetSocket(socket)
  else if (how === 'end') socket.end()
  else socket.destroy()
}

async function answerAll(socket: Socket, reader: Reader, chance: Chance): Promise<void> {
  let answeredTo = 0
  while (!socket.destroyed) {
    const [next] = judgeConnection(reader.text.slice(answeredTo))
    const isEnough = next !== undefined && (next.isWhole || chance.is(0.05))
    if (!isEnough) {
      if (chance.is(0.01)) return leave(socket, chance)
      const closed = await Promise.race([once(socket, 'data'), reader.closed()]).catch(() => '')
      if (typeof closed === 'string') return void socket.end()
      continue
    }
    answeredTo += next.length
    if (!(await answer(socket, next, chance))) return
    // It does not care for the rest of a request that it has answered.
    if (!next.isWhole) return chance.is(0.5) ? leave(socket, chance) : undefined
  }
}

/** One answer, or what stands in for it; false: the connection is over. */
async function answer(socket: Socket, request: SeenRequest, chance: Chance): Promise<boolean> {
  const id = fieldOf(request, 'x-upload')
  await chance.wait()
  if (chance.is(0.05)) return (leave(socket, chance), false)
  // Frozen.
  if (chance.is(0.03)) return false
  for (let count = chance.int(5) - 2; count > 0; count--) {
    socket.write(`HTTP/1.1 103 Early Hints\r\nX-For: ${id}\r\n\r\n`)
  }
  if (request.fields.some(([name]) => name.toLowerCase() === 'upgrade')) {
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-For: ${id}\r\n\r\n<${id}>`,
    )
    void echo(socket, chance)
    return false
  }
  const size = chance.oneOf([0, 10, 1_000, 60_000, 400_000])
  return sendBody(socket, id, request.method === 'HEAD' ? 0 : size, chance)
}

async function sendBody(
  socket: Socket,
  id: string,
  size: number,
  chance: Chance,
): Promise<boolean> {
  const framing = chance.oneOf(['length', 'chunked', 'close'] as const)
  const status = chance.oneOf(['200 OK', '200 OK', '200 OK', '503 Service Unavailable', '413 Too'])
  const body = `<${id}>`.repeat(Math.ceil(size / `<${id}>`.length))
  const lines = {
    length: `Content-Length: ${body.length}`,
    chunked: 'Transfer-Encoding: chunked',
    close: 'Connection: close',
  }[framing]
  socket.write(`HTTP/1.1 ${status}\r\nX-For: ${id}\r\n${lines}\r\n\r\n`)
  const breaksOff = chance.is(0.05)
  for (let at = 0; at < body.length;) {
    const part = body.slice(at, at + 1 + chance.int(chance.oneOf([100, 30_000, 400_000])))
    socket.write(framing === 'chunked' ? `${part.length.toString(16)}\r\n${part}\r\n` : part)
    at += part.length
    await chance.wait()
    if (socket.destroyed) return false
    if (breaksOff && chance.is(0.3)) return (leave(socket, chance), false)
  }
  if (framing === 'chunked') socket.write('0\r\n\r\n')
  if (framing !== 'close') return true
  socket.end()
  return false
}

/** One client from its first byte to its last; resolves when its connection is gone. */
export async function runChaosClient(
  gateway: LocalWorker,
  chance: Chance,
  nextId: () => number,
): Promise<void> {
  const isRaw = chance.is(0.15)
  const socket = gateway.connect(isRaw ? 'db' : 'gateway')
  const reader = readFrom(socket)
  const ids: string[] = []
  const rounds = 1 + chance.int(3)
  const leavesAfter = chance.is(0.3) ? chance.int(rounds + 1) : Infinity
  if (chance.is(0.2)) pauseNowAndThen(socket, chance.fork())
  for (let round = 0; round < rounds && !socket.destroyed; round++) {
    const id = String(nextId())
    ids.push(id)
    const bytes = isRaw ? `<${id}>`.repeat(1 + chance.int(5_000)) : requestOf(id, chance)
    await sendInPieces(socket, bytes, chance)
    if (round === leavesAfter) break
    // Else the next one is pipelined.
    if (chance.is(0.7)) await answerFor(reader, id)
  }
  if (leavesAfter === Infinity) await answerFor(reader, ids.at(-1)!)
  if (chance.is(0.3)) {
    socket.end()
    await Promise.race([reader.closed(), patience()])
  }
  if (chance.is(0.3)) resetSocket(socket)
  else socket.destroy()
  assertOwn(reader.text, ids)
}

function requestOf(id: string, chance: Chance): string {
  const head = (method: string, lines: string): string =>
    `${method} /${id} HTTP/1.1\r\nHost: shop.example\r\nX-Upload: ${id}\r\n${lines}\r\n`
  const body = `<${id}>`.repeat(chance.oneOf([1, 100, 5_000, 30_000]))
  switch (chance.int(7)) {
    case 0:
      return head('PUT', `Content-Length: ${body.length}\r\n`) + body
    case 1:
      return `${head('PUT', 'Transfer-Encoding: chunked\r\n')}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
    case 2:
      return head('POST', `Content-Length: ${body.length}\r\n`) + body
    case 3:
      return `${head('GET', 'Connection: Upgrade\r\nUpgrade: websocket\r\n')}<${id}>`
    case 4:
      return `GET /${id} HTTP/1.0\r\nX-Upload: ${id}\r\n\r\n`
    default:
      return head('GET', chance.is(0.1) ? 'Connection: close\r\n' : '')
  }
}

async function sendInPieces(socket: Socket, bytes: string, chance: Chance): Promise<void> {
  for (let at = 0; at < bytes.length && !socket.destroyed;) {
    const size = chance.is(0.4) ? bytes.length : 1 + chance.int(chance.oneOf([20, 2_000, 70_000]))
    socket.write(bytes.slice(at, at + size), 'latin1')
    at += size
    if (chance.is(0.5)) await chance.wait()
  }
}

function pauseNowAndThen(socket: Socket, chance: Chance): void {
  socket.on('data', () => {
    socket.pause()
    void chance.wait().then(() => socket.resume())
  })
}

async function patience(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, PATIENCE_MS).unref())
}

/** Something of an answer, or the end of the connection: every request comes to one of the two. */
async function answerFor(reader: Reader, id: string): Promise<void> {
  const isThere = new RegExp(`<${id}>|x-for: ${id}\\r|"requestId"`, 'i')
  const answered = reader.until(isThere).then(
    () => true,
    () => true,
  )
  const isAnswered = await Promise.race([answered, patience()])
  assert.equal(
    isAnswered,
    true,
    `no answer for ${id} after ${PATIENCE_MS} ms: ${reader.text.slice(-300)}`,
  )
}

/** Not a byte of somebody else's. */
function assertOwn(text: string, ids: readonly string[]): void {
  for (const [, id] of text.matchAll(/(?:<(?=\d+>)|x-for: )(\d+)/gi)) {
    assert.ok(ids.includes(id!), `a byte of ${id} at the client of ${ids.join(', ')}`)
  }
}

/** What the instances of both kinds got. */
export function assertTrueRequests(
  http: readonly ChaosInstance[],
  raw: readonly ChaosInstance[],
): void {
  const posts = new Map<string, number>()
  for (const text of http.flatMap(({ texts }) => texts)) {
    for (const request of judgeConnection(text())) {
      const id = fieldOf(request, 'x-upload')
      assert.equal(request.target, `/${id}`)
      const expected = `<${id}>`.repeat(Math.ceil(request.payload.length / `<${id}>`.length))
      assert.equal(request.payload, expected.slice(0, request.payload.length))
      if (request.method === 'POST') posts.set(id, (posts.get(id) ?? 0) + 1)
    }
  }
  for (const [id, count] of posts) assert.equal(count, 1, `POST ${id} was sent ${count} times`)
  for (const text of raw.flatMap(({ texts }) => texts)) {
    const ids = new Set([...text().matchAll(/<(\d+)>/g)].map(([, id]) => id))
    assert.ok(ids.size <= 3, `bytes of ${ids.size} messages on one raw connection`)
  }
}
