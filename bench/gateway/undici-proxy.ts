import { createServer } from 'node:http'
import { Pool } from 'undici'

/** The quickest that one writes with libraries: node:http in front, undici's `dispatch` with raw headers behind. Arguments: port, port of the backend. */
const [port = 0, backend = 0] = process.argv.slice(2).map(Number)
const pool = new Pool(`http://127.0.0.1:${backend}`, { connections: 64, pipelining: 1 })

createServer((incoming, outgoing) => {
  const headers: Record<string, string | string[]> = {}
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined && name !== 'connection') headers[name] = value
  }
  headers['x-forwarded-for'] = incoming.socket.remoteAddress ?? ''
  const hasBody = incoming.method !== 'GET' && incoming.method !== 'HEAD'
  pool
    .stream(
      {
        path: incoming.url ?? '/',
        method: (incoming.method ?? 'GET') as 'GET',
        headers,
        body: hasBody ? incoming : null,
      },
      (answer) => {
        const { connection, ...rest } = answer.headers
        void connection
        outgoing.writeHead(answer.statusCode, rest)
        return outgoing
      },
    )
    .catch(() => outgoing.destroy())
}).listen(port, '127.0.0.1', 4096)
