import { once } from 'node:events'
import { type AddressInfo, type Socket, connect, createServer } from 'node:net'
import { proxy } from '../conformance/codec-proxy.ts'
import type { RunningProxy } from './judge.ts'

/** The smallest proxy around the codec: it waits for whole messages, so it is for tests of the harness and of peers only. */
export async function startCodecProxy(upstreamPort: number): Promise<RunningProxy> {
  return startServer((client) => {
    let received = ''
    let sent = 0
    const upstream = connect(upstreamPort, '127.0.0.1')
    upstream.on('error', () => client.destroy())
    upstream.on('data', (chunk: Buffer) => client.write(chunk))
    client.on('close', () => upstream.destroy())
    client.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1')
      const outcome = proxy(Buffer.from(received, 'latin1'))
      for (const message of outcome.messages.slice(sent))
        upstream.write(Buffer.from(message.written, 'latin1'))
      const expected = outcome.messages.length
      sent = expected
      if (outcome.code !== '') void refuse(client, upstream, expected, outcome.status)
    })
  })
}

/** Answers come in order: the refusal follows the upstream's last answer. */
async function refuse(
  client: Socket,
  upstream: Socket,
  answerCount: number,
  status: number,
): Promise<void> {
  const isAnswered = () => upstream.bytesRead >= answerCount * ANSWER_BYTES
  while (!isAnswered() && !upstream.destroyed) await once(upstream, 'data')
  client.end(`HTTP/1.1 ${status} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
}

const ANSWER_BYTES = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'.length

/** A proxy that copies bytes and checks nothing: what the harness must catch. */
export async function startBlindProxy(upstreamPort: number): Promise<RunningProxy> {
  return startServer((client) => {
    const upstream = connect(upstreamPort, '127.0.0.1')
    upstream.on('error', () => client.destroy())
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
    client.pipe(upstream)
    upstream.pipe(client)
  })
}

async function startServer(onClient: (client: Socket) => void): Promise<RunningProxy> {
  const clients = new Set<Socket>()
  const server = createServer((client) => {
    clients.add(client)
    client.on('error', () => {})
    client.on('close', () => clients.delete(client))
    onClient(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      for (const client of clients) client.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
