import { once } from 'node:events'
import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

/** Node's own HTTP/2 server as an instance, without TLS. */
export interface Http2Upstream {
  readonly port: number
  readonly server: Http2Server
  readonly sessions: ServerHttp2Session[]
  readonly heads: IncomingHttpHeaders[]
}

/** Starts one on a free port; `answer` is called with each stream. It ends with the test. */
export async function startHttp2Upstream(
  t: TestContext,
  answer: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
): Promise<Http2Upstream> {
  const server = createServer()
  const sessions: ServerHttp2Session[] = []
  const heads: IncomingHttpHeaders[] = []
  server.on('session', (session) => {
    sessions.push(session)
    session.on('error', () => {})
  })
  server.on('stream', (stream, headers) => {
    heads.push(headers)
    stream.on('error', () => {})
    answer(stream, headers)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const session of sessions) session.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, server, sessions, heads }
}
