import { createServer } from 'node:http'
import { Duplex } from 'node:stream'

/** A request as Node's own HTTP parser reads it. */
export interface NodeRequest {
  readonly method: string | undefined
  readonly target: string | undefined
  /** Names and values in turn. */
  readonly fields: readonly string[]
  readonly body: string
}

/** What Node's parser makes of Latin-1 bytes of one connection: `count` requests, or fewer and an error. */
export async function readWithNode(
  text: string,
  count: number,
): Promise<{ requests: NodeRequest[]; isRefused: boolean }> {
  const server = createServer({ requireHostHeader: true })
  const requests: NodeRequest[] = []
  let isRefused = false
  const { promise, resolve } = Promise.withResolvers<void>()
  server.on('clientError', () => {
    isRefused = true
    resolve()
  })
  server.on('request', (request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const body = Buffer.concat(parts).toString('latin1')
      requests.push({
        method: request.method,
        target: request.url,
        fields: request.rawHeaders,
        body,
      })
      response.end(() => {
        if (requests.length === count) resolve()
      })
    })
  })
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
  server.emit('connection', socket)
  socket.push(Buffer.from(text, 'latin1'))
  await promise
  socket.destroy()
  return { requests, isRefused }
}
