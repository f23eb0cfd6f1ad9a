import { once } from 'node:events'
import { connect } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { createResponseHead, parseResponseHead } from '../../src/mechanisms/http1/response-head.ts'
import { copyBody } from '../conformance/codec-proxy.ts'

/** What a client saw: the statuses of the final answers, and whether the connection was closed by the other side. */
export interface Answers {
  readonly statuses: readonly number[]
  readonly isClosed: boolean
}

const DEADLINE_MS = 5000

/**
 * Sends bytes on a connection of their own, and waits until `answerCount` final answers have come, and, with `mustClose`, until the
 * other side has closed; or until it closes earlier. The bytes are written in pieces, a turn of the event loop apart. Rejects when neither happens within five seconds.
 */
export async function send(
  port: number,
  bytes: string,
  answerCount: number,
  mustClose: boolean,
  pieceBytes = bytes.length,
): Promise<Answers> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  let received = ''
  let isClosed = false
  const finished = new AbortController()
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1')
    if (!mustClose && readStatuses(received).length >= answerCount) finished.abort()
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    isClosed = true
    finished.abort()
  })
  const deadline = setTimeout(() => socket.destroy(new Error('deadline')), DEADLINE_MS)
  let isLate = false
  socket.on('error', (error) => {
    if (error.message === 'deadline') isLate = true
  })
  for (let at = 0; at < bytes.length && !isClosed; at += pieceBytes) {
    socket.write(Buffer.from(bytes.slice(at, at + pieceBytes), 'latin1'))
    if (pieceBytes < bytes.length) await setImmediate()
  }
  if (!finished.signal.aborted) await once(finished.signal, 'abort')
  clearTimeout(deadline)
  socket.destroy()
  const statuses = readStatuses(received)
  if (isLate)
    throw new Error(
      `nothing more within ${DEADLINE_MS} ms; statuses so far: ${statuses.join(', ')}; connection open`,
    )
  return { statuses, isClosed }
}

function readStatuses(text: string): number[] {
  const bytes = Buffer.from(text, 'latin1')
  const statuses: number[] = []
  let at = 0
  while (at < bytes.length) {
    const head = createResponseHead(100)
    const end = parseResponseHead(bytes, at, bytes.length, { headBytesMax: 65_536 }, head, 'GET')
    if (end <= 0) break
    const body = copyBody(bytes, end, bytes.length, head.framing, head.contentLength, false)
    if (typeof body === 'number' || !body.isDone) break
    if (head.status >= 200) statuses.push(head.status)
    at = body.end
  }
  return statuses
}
