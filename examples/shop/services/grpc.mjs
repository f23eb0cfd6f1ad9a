/**
 * As much gRPC as the shop needs, on Node's own http2: unary calls and streams from the server, with messages of strings and numbers written by hand. A real service
 * takes @grpc/grpc-js or Connect; this one has nothing to install.
 */
import { connect, createServer } from 'node:http2'

const messageBytesMax = 64 * 1024
const sendTimeoutMs = 2_000

/** https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
export const status = { ok: 0, notFound: 5, unimplemented: 12, internal: 13, unavailable: 14 }

/** An end of a call that is no success. */
export class CallError extends Error {
  constructor(code, message) {
    super(message)
    this.code = code
  }
}

/** A message of protobuf from `{ 1: 'text', 2: 42 }`: texts, and whole numbers that are not negative. Zero and '' are not written, as proto3 has it. */
export function encode(fields) {
  const parts = []
  for (const [number, value] of Object.entries(fields)) {
    if (value === '' || value === 0) continue
    const isText = typeof value === 'string'
    const bytes = isText ? Buffer.from(value) : varint(value)
    parts.push(varint(Number(number) * 8 + (isText ? 2 : 0)))
    if (isText) parts.push(varint(bytes.length))
    parts.push(bytes)
  }
  return Buffer.concat(parts)
}

/** The other way round: texts for what has a length, numbers for the rest. */
export function decode(bytes) {
  const fields = {}
  let at = 0
  const number = () => {
    let value = 0
    for (let unit = 1; ; unit *= 128) {
      const byte = bytes[at++]
      if (byte === undefined) throw new CallError(status.internal, 'the message is cut')
      value += (byte & 127) * unit
      if (byte < 128) return value
    }
  }
  while (at < bytes.length) {
    const key = number()
    const value = number()
    if (key % 8 === 0) fields[Math.floor(key / 8)] = value
    else fields[Math.floor(key / 8)] = bytes.toString('utf8', at, (at += value))
  }
  return fields
}

function varint(value) {
  const bytes = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest & 127) | 128)
  return Buffer.from([...bytes, rest])
}

/** A flag, a length, and the message. */
function frame(message) {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

/**
 * Serves `methods`: from `/package.Service/Method` to a function of the decoded request, which returns the fields of the answer, or an async iterable of them. It
 * answers health checks (grpc.health.v1), too.
 */
export function serveCalls(methods, { port = process.env.PORT, log }) {
  const all = { ...methods, '/grpc.health.v1.Health/Check': () => ({ 1: 1 }) }
  const server = createServer()
  const sessions = new Set()
  server.on('session', (session) => {
    sessions.add(session)
    session.on('close', () => sessions.delete(session))
  })
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    answer(stream, all[headers[':path']]).catch((error) => end(stream, error))
    const path = headers[':path']
    if (!path.startsWith('/grpc.health')) {
      log('info', `call ${path}`, { traceId: headers.traceparent?.split('-')[1] })
    }
  })
  server.listen(Number(port ?? 0), '127.0.0.1')
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, () => {
      server.close(() => process.exit(0))
      // Says GOAWAY, and ends when the last call has.
      for (const session of sessions) session.close()
    })
  }
}

async function answer(stream, method) {
  if (method === undefined) throw new CallError(status.unimplemented, 'there is no such method')
  const parts = []
  let length = 0
  for await (const part of stream) {
    parts.push(part)
    length += part.length
    if (length > messageBytesMax) throw new CallError(status.internal, 'the message is too large')
  }
  const result = await method(decode(Buffer.concat(parts).subarray(5)), stream)
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(status.ok) }))
  if (typeof result[Symbol.asyncIterator] === 'function') {
    for await (const fields of result) stream.write(frame(encode(fields)))
  } else stream.write(frame(encode(result)))
  stream.end()
}

function end(stream, error) {
  if (stream.destroyed || stream.headersSent) return stream.close()
  const code = error instanceof CallError ? error.code : status.internal
  stream.respond(
    {
      ':status': 200,
      'content-type': 'application/grpc',
      'grpc-status': String(code),
      'grpc-message': encodeURIComponent(error.message),
    },
    { endStream: true },
  )
}

/** Calls of one service: `call(path, fields)` resolves with the fields of the answer, or rejects with a CallError. One connection carries all of them. */
export function callsOf(url) {
  let session
  const open = () => {
    if (session === undefined || session.closed || session.destroyed) {
      session = connect(url)
      session.on('error', () => {})
      session.unref()
    }
    return session
  }
  return (path, fields, { traceparent } = {}) =>
    new Promise((resolve, reject) => {
      const stream = open().request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
        'grpc-timeout': `${sendTimeoutMs}m`,
        ...(traceparent === undefined ? {} : { traceparent }),
      })
      const parts = []
      let last = {}
      stream.setTimeout(sendTimeoutMs * 2, () => stream.close())
      stream.on('response', (headers) => (last = headers))
      stream.on('trailers', (headers) => (last = headers))
      stream.on('data', (part) => parts.push(part))
      stream.on('error', (error) => reject(new CallError(status.unavailable, error.message)))
      stream.on('close', () => {
        const code = Number(last['grpc-status'] ?? status.unavailable)
        const message = decodeURIComponent(last['grpc-message'] ?? '')
        if (code !== status.ok) return reject(new CallError(code, message))
        resolve(decode(Buffer.concat(parts).subarray(5)))
      })
      stream.end(frame(encode(fields)))
    })
}
