import { MESSAGE_BYTES_MAX, RCODE } from '../../mechanisms/dns/message.ts'
import type { Part, Scope } from '../../platform/capability.ts'
import type { TcpConnection, UdpPeer } from '../../platform/listeners/opening.ts'
import { Counters } from './counters.ts'
import { Recursors, type RecursorsConfig } from './recursors.ts'
import { Responder, tooMuch, type Response, type Transport } from './responder.ts'
import { parseRecursor, type ConsulDnsConfig } from './settings.ts'
import { SourceLimit } from './source-limit.ts'
import { ToldServices } from '../../platform/told.ts'
import { Zone, type Registry } from './zone.ts'

export interface ConsulDnsNeeds {
  readonly discovery: Registry
}

export interface ConsulDns {
  /**
   * Resolves when nobody can have the instance from an answer any more, which has left the answers already: with true at once where its
   * service was not asked for lately, with false where it takes longer than `timeoutMs`.
   */
  drained(service: string, id: string, timeoutMs: number): Promise<boolean>
}

/** Connections over TCP: questions are short, and so is the time in which nothing is asked (RFC 7766 section 6.2.3). */
const TCP_LIMITS = {
  connectionsMax: 1_000,
  connectionsPerAddressMax: 250,
  messageBytesMax: 256 * 1024,
  idleMs: 30_000,
}

/** Answers names of services over DNS, as Consul does. */
export async function startConsulDns(
  first: ConsulDnsConfig,
  { discovery }: ConsulDnsNeeds,
  scope: Scope,
): Promise<Part<ConsulDnsConfig, ConsulDns>> {
  let settings = first
  const { clock } = scope
  const told = new ToldServices(clock)
  const zone = new Zone({ registry: discovery, settings, clock, told })
  scope.onStop(zone.follow())
  const recursors = new Recursors(recursorsOf(settings), scope.clock)
  scope.onStop(() => recursors.close())
  const limit = new SourceLimit(scope.clock, settings.rate)
  const counters = new Counters()
  const responder = new Responder({
    zone,
    random: scope.random,
    udpBytesMax: () => Math.min(settings.udpBytes, MESSAGE_BYTES_MAX),
    mayForward: () => !recursors.isEmpty,
  })

  function count(transport: Transport, response: Response): void {
    if (response.kind === 'silence') counters.dropped++
    if (response.kind !== 'reply') return
    counters.add(transport, response.type, response.outcome)
    if (response.isTruncated) counters.truncated++
  }

  async function forward(
    bytes: Buffer,
    response: Response & { readonly kind: 'forward' },
    transport: Transport,
  ): Promise<Buffer | undefined> {
    const { query, question } = response
    const answer = await recursors.ask(bytes, question.name.wire.length + 4, transport)
    if (answer !== undefined) {
      counters.add(transport, question.type, 'forwarded')
      return answer
    }
    const failed = responder.refuse(query, question, RCODE.SERVFAIL, 'failed')
    count(transport, failed)
    return failed.kind === 'reply' ? failed.bytes : undefined
  }

  function answer(bytes: Buffer, transport: Transport, reply: (bytes: Buffer) => void): void {
    const response = responder.respond(bytes, transport)
    count(transport, response)
    if (response.kind === 'reply') reply(response.bytes)
    if (response.kind !== 'forward') return
    // The bytes of a listener are its own again when this call returns.
    forward(Buffer.from(bytes), response, transport).then(
      (forwarded) => forwarded !== undefined && reply(forwarded),
      (error: unknown) => scope.log('error', 'a name could not be forwarded', { error }),
    )
  }

  function receiveDatagram(bytes: Buffer, from: UdpPeer): void {
    const verdict = limit.judge(from.address)
    if (verdict === 'answer') return answer(bytes, 'udp', (reply) => from.reply(reply))
    const short = verdict === 'truncate' ? tooMuch(bytes) : undefined
    counters.limited[short === undefined ? 'drop' : 'truncate']++
    if (short !== undefined) from.reply(short)
  }

  await scope.listeners.udpAndTcp(
    'consul-dns',
    { received: receiveDatagram },
    {
      limits: TCP_LIMITS,
      received: (bytes, connection) =>
        cutMessages(bytes, (message) =>
          answer(message, 'tcp', (reply) => sendMessage(connection, reply)),
        ),
    },
  )
  return {
    api: {
      drained: (service, _id, timeoutMs) =>
        told.whenOld(
          service,
          zone.ttlS(service) * 1000 + settings.linger,
          timeoutMs,
          scope.stopping,
        ),
    },
    prepare: (next) => ({
      commit() {
        settings = next
        zone.configure(next)
        recursors.configure(recursorsOf(next))
        limit.configure(next.rate)
      },
    }),
    routes: [
      (app) =>
        app.get(
          '/api/v1/dns',
          {
            schema: { summary: 'What was asked over DNS since the start, and what was answered.' },
          },
          () => counters.view(recursors.pending),
        ),
    ],
    metrics: () => counters.metrics(recursors.pending),
  }
}

function recursorsOf(settings: ConsulDnsConfig): RecursorsConfig {
  return {
    resolvers: settings.recursors.map(parseRecursor).filter((one) => one !== undefined),
    timeoutMs: settings.recursorTimeout,
  }
}

/** RFC 1035 section 4.2.2: two bytes say how long a message is. Returns how many bytes were whole messages. */
function cutMessages(bytes: Buffer, received: (message: Buffer) => void): number {
  let at = 0
  while (bytes.length - at >= 2) {
    const end = at + 2 + bytes.readUInt16BE(at)
    if (end > bytes.length) break
    received(bytes.subarray(at + 2, end))
    at = end
  }
  return at
}

function sendMessage(connection: TcpConnection, message: Buffer): void {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  connection.write(Buffer.concat([length, message]))
}
