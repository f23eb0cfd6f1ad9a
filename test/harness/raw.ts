import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Running } from './backplane.ts'

/** A service whose every byte the test decides. */
export interface RawService extends AsyncDisposable {
  /** `127.0.0.1:PORT`, for `at`. */
  readonly address: string
}

/** `serve` gets each connection; a check of discovery opens one too, and says nothing. */
export async function startRawService(serve: (socket: Socket) => void): Promise<RawService> {
  const open = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    open.add(socket)
    socket.on('error', () => {}).on('close', () => open.delete(socket))
    serve(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    address: `127.0.0.1:${port}`,
    [Symbol.asyncDispose]() {
      server.close()
      for (const socket of open) socket.destroy()
      return Promise.resolve()
    },
  }
}

/** A connection to `http://host:port` that nobody reads from yet. */
export function openSocket(url: string): Socket {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true, noDelay: true })
  socket.on('error', () => {})
  return socket
}

/** Answers with a Content-Length, one after the other, of a connection that stays. */
export class AnswerReader {
  readonly socket: Socket
  isClosed = false
  #text = ''
  #wake = Promise.withResolvers<void>()

  constructor(socket: Socket) {
    this.socket = socket
    const changed = (): void => {
      this.#wake.resolve()
      this.#wake = Promise.withResolvers<void>()
    }
    const closed = (): void => {
      this.isClosed = true
      changed()
    }
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      this.#text += text
      changed()
    })
    socket.on('end', closed).on('close', closed)
  }

  /** Sends a request and reads its answer. */
  ask(request: string): Promise<Answer> {
    this.socket.write(request, 'latin1')
    return this.next()
  }

  /** The next answer; status 0 where the connection ends before it is whole. */
  async next(): Promise<Answer> {
    for (;;) {
      const answer = this.#take()
      if (answer !== undefined) return answer
      if (this.isClosed) return { status: 0, head: this.#text, body: '' }
      await this.#wake.promise
    }
  }

  #take(): Answer | undefined {
    const headEnd = this.#text.indexOf('\r\n\r\n')
    if (headEnd < 0) return undefined
    const head = this.#text.slice(0, headEnd)
    const end = headEnd + 4 + Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
    if (this.#text.length < end) return undefined
    const body = this.#text.slice(headEnd + 4, end)
    this.#text = this.#text.slice(end)
    return { status: Number(head.slice(9, 12)), head, body }
  }
}

export interface Answer {
  readonly status: number
  readonly head: string
  readonly body: string
}

/** Resident memory of the data process, in MiB. */
export async function dataMemoryMib({ ready }: Running): Promise<number> {
  const status = await readFile(`/proc/${ready.pids.data}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? NaN) / 1024
}

/** Looks at the memory of the data process ten times a second. `stop` gives the largest growth, in MiB. */
export async function watchMemory(backplane: Running): Promise<{ stop(): Promise<number> }> {
  const before = await dataMemoryMib(backplane)
  let highest = before
  const look = async () => {
    highest = Math.max(highest, await dataMemoryMib(backplane))
  }
  const timer = setInterval(() => void look(), 100)
  return {
    async stop() {
      clearInterval(timer)
      await look()
      return highest - before
    },
  }
}

/** What the data process printed: a worker that died, a defect. */
export function dataLog({ folder }: Running): Promise<string> {
  return readFile(join(folder, '.backplane/run/data.log'), 'utf8').catch(() => '')
}

/** The sum of all rows of one metric, whose labels match. */
export async function metricOf({ admin }: Running, name: string, labels = ''): Promise<number> {
  const text = await (await fetch(`${admin}/metrics`)).text()
  const rows = text.split('\n').filter((row) => row.startsWith(name) && row.includes(labels))
  return rows.reduce((sum, row) => sum + Number(row.slice(row.lastIndexOf(' '))), 0)
}
