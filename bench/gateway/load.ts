import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** What a browser sends, and a token of 700 bytes. */
export const BROWSER_HEADERS: readonly string[] = [
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36',
  'Accept: application/json, text/plain, */*',
  'Accept-Language: en-US,en;q=0.9,de;q=0.8',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'Cache-Control: no-cache',
  'Pragma: no-cache',
  'Origin: https://shop.example.com',
  'Referer: https://shop.example.com/products/42',
  'Sec-Fetch-Mode: cors',
  'Sec-Fetch-Site: same-origin',
  'Cookie: sid=s%3A2f7d0d6e8a3b4c1d9e0f.abcdefghijklmnopqrstuvwxyz0123456789; theme=dark',
  'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  `Authorization: Bearer ${'x'.repeat(700)}`,
]

export interface LoadResult {
  readonly requests: number
  readonly requestsPerSecond: number
  readonly errors: number
}

/** wrk with one thread: as many requests as the peer can take. */
export async function saturate(
  url: string,
  headers: readonly string[],
  connections: number,
  seconds: number,
): Promise<LoadResult> {
  const args = [
    '-t1',
    `-c${connections}`,
    `-d${seconds}s`,
    ...headers.flatMap((header) => ['-H', header]),
    url,
  ]
  const child = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await once(child, 'close')
  const requests = Number(/(\d+) requests in/.exec(text)?.[1] ?? 0)
  const socketErrors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(
    text,
  )
  const errors =
    (socketErrors?.slice(1).reduce((sum, count) => sum + Number(count), 0) ?? 0) +
    Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0)
  return {
    requests,
    requestsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1] ?? 0),
    errors,
  }
}

export interface LatencyResult {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly sent: number
  readonly unanswered: number
}

/** How long the open loop runs before it counts. */
const SETTLE_MS = 300

/**
 * Requests at a fixed rate whatever the answers do (open loop): the latency of each counts from when it should have been sent, so that a
 * stall is not hidden by the generator waiting for it.
 */
export async function openLoop(
  port: number,
  head: string,
  connections: number,
  ratePerSecond: number,
  seconds: number,
): Promise<LatencyResult> {
  const latencies: number[] = []
  const startMs = performance.now() + 50
  const lanes = await Promise.all(
    Array.from({ length: connections }, () =>
      openLane(port, (dueMs) => {
        if (dueMs > startMs + SETTLE_MS) latencies.push(performance.now() - dueMs)
      }),
    ),
  )
  const total = Math.floor((ratePerSecond * (seconds * 1000 + SETTLE_MS)) / 1000)
  let sent = 0
  while (sent < total) {
    const due = Math.min(total, Math.floor(((performance.now() - startMs) * ratePerSecond) / 1000))
    for (; sent < due; sent++)
      lanes[sent % connections]!.send(head, startMs + (sent * 1000) / ratePerSecond)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await new Promise((resolve) => setTimeout(resolve, 500))
  const unanswered = lanes.reduce((sum, lane) => sum + lane.openCount(), 0)
  for (const lane of lanes) lane.socket.destroy()
  latencies.sort((a, b) => a - b)
  const at = (share: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? NaN
  return { p50Ms: at(0.5), p99Ms: at(0.99), sent, unanswered }
}

interface Lane {
  readonly socket: Socket
  send(head: string, dueMs: number): void
  openCount(): number
}

/** One keep-alive connection; what is due while an answer is awaited waits its turn, and its latency runs. */
async function openLane(port: number, answered: (dueMs: number) => void): Promise<Lane> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  const waiting: { head: string; dueMs: number }[] = []
  let current = -1
  let left = -1
  const next = (): void => {
    const entry = waiting.shift()
    current = entry === undefined ? -1 : entry.dueMs
    if (entry !== undefined) socket.write(entry.head, 'latin1')
  }
  socket.on('data', (chunk: Buffer) => {
    let body = chunk.length
    if (left < 0) {
      const text = chunk.toString('latin1')
      const end = text.indexOf('\r\n\r\n')
      left = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0)
      body = chunk.length - end - 4
    }
    left -= body
    if (left > 0) return
    left = -1
    answered(current)
    next()
  })
  return {
    socket,
    send(head, dueMs) {
      waiting.push({ head, dueMs })
      if (current < 0) next()
    },
    openCount: () => waiting.length + (current < 0 ? 0 : 1),
  }
}
