import { Agent, createServer, request } from 'node:http'
import { pipeline } from 'node:stream'

/** What one writes with Node's own HTTP: a server, a keep-alive agent, two pipes. Arguments: port, port of the backend. */
const [port = 0, backend = 0] = process.argv.slice(2).map(Number)
const agent = new Agent({ keepAlive: true, maxSockets: 256 })

createServer((incoming, outgoing) => {
  const { connection, ...headers } = incoming.headers
  void connection
  const upstream = request(
    {
      agent,
      port: backend,
      host: '127.0.0.1',
      method: incoming.method,
      path: incoming.url,
      headers: { ...headers, 'x-forwarded-for': incoming.socket.remoteAddress },
    },
    (answer) => {
      if (outgoing.destroyed) return void answer.destroy()
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      pipeline(answer, outgoing, () => {})
    },
  )
  upstream.on('error', () => outgoing.destroy())
  pipeline(incoming, upstream, () => {})
}).listen(port, '127.0.0.1', 4096)
