import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'

/** What a test reads from one socket. */
export interface Reader {
  /** Everything so far, one character a byte. */
  readonly text: string
  /** Resolves when the text matches, with the whole of it; rejects with it when the socket closes before. */
  until(pattern: string | RegExp): Promise<string>
  /** Resolves with the text when the peer has closed. */
  closed(): Promise<string>
}

export function readFrom(socket: Socket): Reader {
  let text = ''
  let isClosed = false
  let wake = Promise.withResolvers<void>()
  const changed = (): void => {
    wake.resolve()
    wake = Promise.withResolvers<void>()
  }
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
    changed()
  })
  const close = (): void => {
    isClosed = true
    changed()
  }
  socket.on('end', close)
  socket.on('close', close)
  socket.on('error', () => {})
  return {
    get text() {
      return text
    },
    async until(pattern) {
      const matches = (): boolean =>
        typeof pattern === 'string' ? text.includes(pattern) : pattern.test(text)
      while (!matches()) {
        if (isClosed) throw new Error(`closed before ${String(pattern)}: ${JSON.stringify(text)}`)
        await wake.promise
      }
      return text
    },
    async closed() {
      while (!isClosed) await wake.promise
      return text
    },
  }
}

/** An instance whose every byte the test decides. */
export interface RawUpstream {
  readonly port: number
  /** Accepted so far. */
  readonly sockets: Socket[]
  /** The next connection that no call has taken yet, and its reader. */
  accept(): Promise<{ socket: Socket; reader: Reader }>
  close(): void
}

export async function startRawUpstream(port = 0): Promise<RawUpstream> {
  const sockets: Socket[] = []
  const fresh: { socket: Socket; reader: Reader }[] = []
  let wake = Promise.withResolvers<void>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket)
    fresh.push({ socket, reader: readFrom(socket) })
    wake.resolve()
    wake = Promise.withResolvers<void>()
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    sockets,
    async accept() {
      while (fresh.length === 0) await wake.promise
      return fresh.shift()!
    },
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** Answers every request on every connection with the same bytes, as soon as a head is complete; GET and other requests without body only. */
export async function startAnsweringUpstream(
  answer: string | ((head: string) => string),
  port = 0,
): Promise<RawUpstream & { readonly heads: string[] }> {
  const upstream = await startRawUpstream(port)
  const heads: string[] = []
  const serve = async (): Promise<void> => {
    for (;;) {
      const { socket, reader } = await upstream.accept()
      void answerAll(socket, reader, heads, answer)
    }
  }
  void serve()
  return { ...upstream, heads }
}

async function answerAll(
  socket: Socket,
  reader: Reader,
  heads: string[],
  answer: string | ((head: string) => string),
): Promise<void> {
  let at = 0
  try {
    for (;;) {
      await reader.until(new RegExp(`^[^]{${at}}[^]*?\\r\\n\\r\\n`))
      const end = reader.text.indexOf('\r\n\r\n', at) + 4
      const head = reader.text.slice(at, end)
      at = end
      heads.push(head)
      socket.write(typeof answer === 'string' ? answer : answer(head), 'latin1')
    }
  } catch {
    socket.destroy()
  }
}

export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
