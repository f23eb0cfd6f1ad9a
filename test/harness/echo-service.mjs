// A service for tests, with knobs in the query: ?ms= delays, ?bytes= sizes the answer, ?status= sets the status.
// POST /count appends the `id` of the query to the file COUNT_FILE, so that a test can see what was executed, and how often.
import { appendFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createHash } from 'node:crypto'

const name = process.env.BACKPLANE_INSTANCE ?? 'echo'
const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://echo')
  const query = url.searchParams
  if (url.pathname === '/count' && process.env.COUNT_FILE) {
    appendFileSync(process.env.COUNT_FILE, `${query.get('id')}\n`)
  }
  const answer = () => {
    response.statusCode = Number(query.get('status') ?? 200)
    response.setHeader('x-instance', name)
    if (query.has('bytes')) return response.end(Buffer.alloc(Number(query.get('bytes')), 'x'))
    response.setHeader('content-type', 'application/json')
    const { method, url: target, headers } = request
    response.end(JSON.stringify({ instance: name, pid: process.pid, method, target, headers }))
  }
  if (url.pathname === '/hash') {
    const hash = createHash('sha256')
    let bytes = 0
    request.on('data', (chunk) => {
      bytes += chunk.length
      hash.update(chunk)
    })
    request.on('end', () => response.end(JSON.stringify({ bytes, sha256: hash.digest('hex') })))
    return
  }
  request.resume()
  setTimeout(answer, Number(query.get('ms') ?? 0))
})
server.on('upgrade', (request, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: echo\r\n\r\n')
  socket.pipe(socket)
  socket.on('error', () => {})
})
server.keepAliveTimeout = 60_000
server.listen(Number(process.env.PORT), '127.0.0.1')
process.on('SIGTERM', () => {
  server.close(() => process.exit(0))
  server.closeIdleConnections()
})
