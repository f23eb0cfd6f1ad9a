import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { startBackplane, type Running } from '../harness/backplane.ts'
import { AnswerReader, dataLog, openSocket, startRawService } from '../harness/raw.ts'

const PUTS = 100
const PIECES = 12
/** What stands in the body is a request, for whoever loses the place. */
const piece = (nth: number) =>
  `GET /admin/${String(nth).padStart(4, '0')} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n`
const bodyOf = (nth: number) => piece(nth).repeat(PIECES)

/** What the service got. */
interface Seen {
  attempts: number
  whole: number
  cut: number
  /** Anything that is not a PUT with the right bytes in the right place. */
  readonly wrong: string[]
}

/** The same numbers for the same seed (xorshift). */
function createChance(seed: number): () => number {
  let state = seed | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

const headPattern = /^PUT \/public\/(\d+) HTTP\/1\.1\r\n(?:[!-9;-~]+: [^\r\n]*\r\n)*\r\n/

/** The body as far as it is there, out of chunks where it comes in chunks; undefined where the framing is broken. */
function decode(bytes: string, isChunked: boolean): { body: string; isWhole: boolean } | undefined {
  if (!isChunked) return { body: bytes, isWhole: bytes.length >= bodyOf(0).length }
  let body = ''
  for (let at = 0; at < bytes.length;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0)
      return /^[0-9a-f]*\r?$/i.test(bytes.slice(at)) ? { body, isWhole: false } : undefined
    const line = bytes.slice(at, lineEnd)
    if (!/^[0-9a-f]+$/i.test(line)) return undefined
    const size = Number.parseInt(line, 16)
    if (size === 0) return { body, isWhole: bytes.slice(lineEnd) === '\r\n\r\n' }
    body += bytes.slice(lineEnd + 2, lineEnd + 2 + size)
    at = lineEnd + 2 + size + 2
  }
  return { body, isWhole: false }
}

/** Resets a connection after a random number of bytes, or at once, or never, and judges all that comes. */
function serveBadly(socket: Socket, seen: Seen, chance: () => number): void {
  let text = ''
  let resetAt = chance() < 0.45 ? chance() * 1.3 * (bodyOf(0).length + 400) : Infinity
  let isCounted = false
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    text += chunk
    if (!isCounted) seen.attempts++
    isCounted = true
    const verdict = judge(text)
    if (verdict === 'wrong') {
      seen.wrong.push(text)
      socket.destroy()
    } else if (text.length > resetAt) {
      seen.cut++
      socket.resetAndDestroy()
    } else if (verdict === 'whole') {
      seen.whole++
      text = ''
      isCounted = false
      if (chance() < 0.3) resetAt = chance() * 2_000
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    }
  })
}

function judge(text: string): 'whole' | 'part' | 'wrong' {
  if (!text.includes('\r\n\r\n'))
    return 'PUT /public/'.startsWith(text.slice(0, 12)) ? 'part' : 'wrong'
  const head = headPattern.exec(text)
  if (head === null) return 'wrong'
  const decoded = decode(text.slice(head[0].length), /transfer-encoding: chunked/i.test(head[0]))
  const expected = bodyOf(Number(head[1]))
  if (decoded === undefined || !expected.startsWith(decoded.body)) return 'wrong'
  if (!decoded.isWhole) return 'part'
  return decoded.body === expected ? 'whole' : 'wrong'
}

/** The head, then the body piece by piece. Returns the status of the answer, 0 without one. */
async function put(gateway: string, nth: number): Promise<number> {
  const reader = new AnswerReader(openSocket(gateway))
  const { socket } = reader
  const isChunked = nth % 2 === 0
  const framing = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${bodyOf(nth).length}`
  socket.write(`PUT /public/${nth} HTTP/1.1\r\nHost: localhost\r\n${framing}\r\n\r\n`)
  for (let at = 0; at < PIECES && !reader.isClosed; at++) {
    await wait(1 + (nth % 4))
    const bytes = piece(nth)
    socket.write(isChunked ? `${bytes.length.toString(16)}\r\n${bytes}\r\n` : bytes)
  }
  if (isChunked) socket.write('0\r\n\r\n')
  const { status } = await reader.next()
  socket.destroy()
  return status
}

async function openIdle(gateway: string): Promise<AnswerReader> {
  const reader = new AnswerReader(openSocket(gateway))
  assert.equal((await ask404(reader)).status, 404)
  return reader
}

const ask404 = (reader: AnswerReader) =>
  reader.ask('GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n')

async function uploadAll({ gateway }: Running): Promise<number[]> {
  const statuses: number[] = []
  let next = 0
  const client = async () => {
    while (next < PUTS) statuses.push(await put(gateway, next++))
  }
  await Promise.all(Array.from({ length: 10 }, client))
  return statuses
}

test('100 PUTs in pieces to a service that resets at random: nothing of a body is taken for a request, nobody else notices', async (t) => {
  const seed = randomInt(2 ** 31)
  t.diagnostic(`seed ${seed}`)
  const chance = createChance(seed)
  const seen: Seen = { attempts: 0, whole: 0, cut: 0, wrong: [] }
  await using first = await startRawService((socket) => serveBadly(socket, seen, chance))
  await using second = await startRawService((socket) => serveBadly(socket, seen, chance))
  await using backplane = await startBackplane({
    config: `
name: uploads
listen: { default: off, gateway: 0, console: 0 }
services: { public: { at: ["${first.address}", "${second.address}"] } }
gateway: { routes: [{ path: /public/**, to: public }] }
`,
  })
  const idle = await Promise.all(Array.from({ length: 200 }, () => openIdle(backplane.gateway)))
  const statuses = await uploadAll(backplane)

  assert.deepEqual(seen.wrong, [], `seed ${seed}`)
  assert.ok(
    seen.attempts > PUTS && seen.cut > 10,
    `nothing was tried again: ${JSON.stringify(seen)}`,
  )
  const answered = statuses.filter((status) => status === 200).length
  assert.ok(answered > PUTS / 4 && answered <= seen.whole, `${answered} of ${seen.whole}`)
  assert.ok(
    statuses.every((status) => [0, 200, 502, 503].includes(status)),
    statuses.join(),
  )
  assert.equal(idle.filter(({ isClosed }) => !isClosed).length, 200)
  const again = await Promise.all(idle.map(ask404))
  assert.equal(again.filter(({ status }) => status === 404).length, 200)
  assert.doesNotMatch(await dataLog(backplane), /worker died|ERR_GATEWAY_DEFECT/)
  for (const { socket } of idle) socket.destroy()
})
