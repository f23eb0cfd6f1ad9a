import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type SessionOptions,
} from 'node:http2'
import type { TestContext } from 'node:test'
import type { LocalWorker } from './local-worker.ts'

/** Node's own HTTP/2 client, connected to a listener of the worker. */
export async function connectHttp2(
  t: TestContext,
  worker: LocalWorker,
  options: SessionOptions = {},
): Promise<ClientHttp2Session> {
  const client = connect(`http://127.0.0.1:${worker.port('gateway')}`, options)
  client.on('error', () => {})
  t.after(() => client.destroy())
  await once(client, 'connect')
  return client
}

/** One answer. */
export interface Http2Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly trailers: IncomingHttpHeaders
}

/** Sends a request, and waits for all of its answer; rejects where the stream is reset. */
export async function ask(
  client: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: Uint8Array | string,
): Promise<Http2Reply> {
  const stream = client.request(headers, { endStream: body === undefined })
  const reply = replyOf(stream)
  if (body !== undefined) stream.end(body)
  return reply
}

/** What comes on a stream, to its end. */
export function replyOf(stream: ClientHttp2Stream): Promise<Http2Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Http2Reply>()
  let headers: IncomingHttpHeaders = {}
  let trailers: IncomingHttpHeaders = {}
  const parts: Buffer[] = []
  stream.on('response', (head) => (headers = head))
  stream.on('trailers', (fields) => (trailers = fields))
  stream.on('data', (part: Buffer) => parts.push(part))
  stream.on('error', reject)
  stream.on('end', () => {
    const status = Number(headers[':status'])
    resolve({ status, headers, trailers, body: Buffer.concat(parts).toString('latin1') })
  })
  return promise
}
