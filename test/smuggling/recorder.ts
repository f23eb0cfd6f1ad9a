import { once } from 'node:events'
import { type AddressInfo, type Socket, createServer } from 'node:net'
import { type WireMessage, readMessage } from './messages.ts'

/** A raw upstream that records every byte, answers every complete request with 200 and "ok", and never anything else. */
export interface Recorder {
  readonly port: number
  /** What came since the last call, over all connections. */
  take(): Recording
  stop(): Promise<void>
}

export interface Recording {
  readonly messages: readonly WireMessage[]
  /** Bytes of messages that are not complete, of each connection. */
  readonly rests: readonly string[]
  /** What the reference did not accept. */
  readonly errors: readonly string[]
}

const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** Starts a recorder on a free loopback port. */
export async function startRecorder(): Promise<Recorder> {
  const sockets = new Map<Socket, string>()
  let messages: WireMessage[] = []
  let rests: string[] = []
  let errors: string[] = []
  const server = createServer((socket) => {
    sockets.set(socket, '')
    socket.on('error', () => {})
    socket.on('close', () => {
      rests.push(sockets.get(socket) ?? '')
      sockets.delete(socket)
    })
    socket.on('data', (chunk: Buffer) => {
      try {
        sockets.set(
          socket,
          answerAll(socket, sockets.get(socket) + chunk.toString('latin1'), messages),
        )
      } catch (error) {
        errors.push(String(error))
        sockets.set(socket, '')
        socket.destroy()
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    take() {
      const open = [...sockets.values()]
      const recording = {
        messages,
        rests: [...rests, ...open].filter((rest) => rest !== ''),
        errors,
      }
      messages = []
      rests = []
      errors = []
      for (const socket of sockets.keys()) sockets.set(socket, '')
      return recording
    },
    async stop() {
      for (const socket of sockets.keys()) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

function answerAll(socket: Socket, text: string, messages: WireMessage[]): string {
  let rest = text
  for (let message = readMessage(rest); message !== null; message = readMessage(rest)) {
    messages.push(message)
    rest = rest.slice(message.bytes.length)
    socket.write(ANSWER)
    if (rest === '') break
  }
  return rest
}
