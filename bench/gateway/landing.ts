import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** How connections were spread over the workers. */
export interface Landing {
  readonly counts: readonly number[]
  /** Largest to smallest. */
  readonly ratio: number
}

/**
 * Opens connections and asks each for one answer. Request ids begin with the ten digits that their worker has drawn, so they tell who
 * answered.
 */
export async function landing(port: number, connections: number): Promise<Landing> {
  const byWorker = new Map<string, number>()
  const sockets: Socket[] = []
  for (let i = 0; i < connections; i++) {
    const socket = connect(port, '127.0.0.1')
    sockets.push(socket)
    socket.write('GET /small HTTP/1.1\r\nHost: a\r\n\r\n')
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    const worker = /x-request-id: (\w{10})/.exec(chunk.toString('latin1'))?.[1] ?? ''
    byWorker.set(worker, (byWorker.get(worker) ?? 0) + 1)
  }
  for (const socket of sockets) socket.destroy()
  const counts = [...byWorker.values()]
  return { counts, ratio: Math.max(...counts) / Math.min(...counts) }
}
