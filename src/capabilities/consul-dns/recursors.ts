import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { isIPv6 } from 'node:net'
import { HEADER_BYTES, MESSAGE_BYTES_MAX } from '../../mechanisms/dns/message.ts'
import type { Clock } from '../../platform/capability.ts'
import type { HostPort } from '../../platform/config/addresses.ts'
import type { Transport } from './responder.ts'

/** Questions that wait for other resolvers at the same time; beyond it a client is told that it failed. */
export const FORWARDS_MAX = 512

export interface RecursorsConfig {
  readonly resolvers: readonly HostPort[]
  readonly timeoutMs: number
}

/** Asks other resolvers, one after the other, and hands back what the first one says, byte by byte. */
export class Recursors {
  readonly #clock: Clock
  readonly #cancels = new Set<() => void>()
  #config: RecursorsConfig
  #pending = 0

  constructor(config: RecursorsConfig, clock: Clock) {
    this.#config = config
    this.#clock = clock
  }

  get isEmpty(): boolean {
    return this.#config.resolvers.length === 0
  }

  get pending(): number {
    return this.#pending
  }

  configure(config: RecursorsConfig): void {
    this.#config = config
  }

  /** The answer with the id of the query; undefined where nobody answers, or too many wait. `questionBytes` is how long the question is. */
  async ask(
    query: Uint8Array,
    questionBytes: number,
    transport: Transport,
  ): Promise<Buffer | undefined> {
    if (this.#pending >= FORWARDS_MAX) return undefined
    this.#pending++
    try {
      const { resolvers, timeoutMs } = this.#config
      for (const resolver of resolvers) {
        const answer = await this.#askOne(resolver, query, questionBytes, transport, timeoutMs)
        if (answer !== undefined) return answer
      }
      return undefined
    } finally {
      this.#pending--
    }
  }

  /** Gives up all that wait. */
  close(): void {
    for (const cancel of this.#cancels) cancel()
  }

  /** With an id and a port that nobody can guess (RFC 5452), so that only who was asked can answer. */
  async #askOne(
    resolver: HostPort,
    query: Uint8Array,
    questionBytes: number,
    transport: Transport,
    timeoutMs: number,
  ): Promise<Buffer | undefined> {
    const own = Buffer.from(query)
    own.writeUInt16BE(randomInt(0x10000), 0)
    const end = HEADER_BYTES + questionBytes
    const isAnswer = (bytes: Buffer): boolean =>
      bytes.length >= end &&
      bytes.readUInt16BE(0) === own.readUInt16BE(0) &&
      (bytes[2]! & 0x80) !== 0 &&
      bytes.subarray(HEADER_BYTES, end).equals(own.subarray(HEADER_BYTES, end))
    const done = Promise.withResolvers<Buffer | undefined>()
    const giveUp = (): void => done.resolve(undefined)
    const start = transport === 'udp' ? askOverUdp : askOverTcp
    const close = start(resolver, own, isAnswer, done.resolve)
    const cancelTimeout = this.#clock.after(timeoutMs, giveUp)
    this.#cancels.add(giveUp)
    const answer = await done.promise
    this.#cancels.delete(giveUp)
    cancelTimeout()
    close()
    if (answer === undefined) return undefined
    const reply = Buffer.from(answer)
    reply.set(query.subarray(0, 2))
    return reply
  }
}

type Ask = (
  resolver: HostPort,
  query: Buffer,
  isAnswer: (bytes: Buffer) => boolean,
  done: (answer: Buffer | undefined) => void,
) => () => void

const askOverUdp: Ask = ({ host, port }, query, isAnswer, done) => {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
  socket.on('error', () => done(undefined))
  socket.on('message', (bytes) => {
    if (isAnswer(bytes)) done(bytes)
  })
  // Connected: the kernel drops what others send.
  socket.connect(port, host, () => socket.send(query))
  return () => void socket.close()
}

const askOverTcp: Ask = ({ host, port }, query, isAnswer, done) => {
  const socket = connect(port, host)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(query.length)
  socket.write(Buffer.concat([length, query]))
  socket.on('error', () => done(undefined))
  socket.on('close', () => done(undefined))
  let received = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    if (received.length > MESSAGE_BYTES_MAX + 2) return done(undefined)
    const isWhole = received.length >= 2 && received.length >= received.readUInt16BE(0) + 2
    if (!isWhole) return
    const answer = received.subarray(2, received.readUInt16BE(0) + 2)
    done(isAnswer(answer) ? answer : undefined)
  })
  return () => void socket.destroy()
}
