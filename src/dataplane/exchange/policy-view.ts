import { headerValue, type RequestHead } from '../../mechanisms/http1/request-head.ts'
import type { LocalReply, PolicyExchange, PolicyTicket, TicketEnd } from '../policies/policy.ts'
import { createTicket } from '../policies/ticket.ts'
import { notePolicy } from '../records/record.ts'
import type { ClientCertificate } from '../tls/client-certificate.ts'
import type { Exchange } from './exchange.ts'

/** What is remembered of a policy's decision; it may quote what a client sent. */
const NOTE_CHARACTERS_MAX = 200

/** One request as its policies see it. One a worker, since policies run one after the other: it is valid during a call only. */
export class PolicyView implements PolicyExchange {
  policy = ''
  answer: LocalReply | undefined
  readonly #resumed: (exchange: Exchange) => void
  #exchange: Exchange | null = null
  #head: RequestHead | null = null
  #bytes: Buffer | null = null
  path = ''

  /** `resumed` is called when a pending policy has decided; the exchange has what. */
  constructor(resumed: (exchange: Exchange) => void) {
    this.#resumed = resumed
  }

  /** From now on it shows this request. */
  of(exchange: Exchange, head: RequestHead, bytes: Buffer, path: string): this {
    this.#exchange = exchange
    this.#head = head
    this.#bytes = bytes
    this.path = path
    this.answer = undefined
    return this
  }

  /** For the answer's side: the head of the request is not kept, so `header` and what else comes from it say nothing. */
  ofAnswer(exchange: Exchange): this {
    this.#exchange = exchange
    this.#head = null
    this.#bytes = null
    this.path = ''
    return this
  }

  get method(): string {
    return this.#exchange!.method
  }

  get query(): string {
    const head = this.#head
    return head === null ? '' : head.target.slice(head.pathEnd)
  }

  get hostname(): string {
    return this.#head?.hostname ?? ''
  }

  get host(): string {
    return this.#head?.host ?? ''
  }

  get scheme(): string {
    const { isTrusted, tls } = this.#exchange!.client.peer
    const own = tls === null ? 'http' : 'https'
    if (!isTrusted) return own
    const told = this.header('x-forwarded-proto')?.toLowerCase()
    return told === 'https' || told === 'http' ? told : own
  }

  get address(): string {
    return this.#exchange!.client.peer.address
  }

  get clientCertificate(): ClientCertificate | null {
    return this.#exchange!.client.peer.tls?.clientCertificate ?? null
  }

  get isClientAsked(): boolean {
    return this.#exchange!.client.peer.tls?.isClientAsked ?? false
  }

  get routeId(): string {
    return this.#exchange!.route!.spec.id
  }

  get nowMs(): number {
    return this.#exchange!.startedMs
  }

  get responseLines(): string {
    return this.#exchange!.responseLines
  }

  set responseLines(lines: string) {
    this.#exchange!.responseLines = lines
  }

  get requestLines(): string {
    return this.#exchange!.requestLines
  }

  set requestLines(lines: string) {
    this.#exchange!.requestLines = lines
  }

  header(lowerName: string): string | undefined {
    if (this.#head === null || this.#bytes === null) return undefined
    return headerValue(this.#bytes, this.#head, lowerName)
  }

  note(decision: string): void {
    const short =
      decision.length <= NOTE_CHARACTERS_MAX ? decision : copyOf(decision, NOTE_CHARACTERS_MAX)
    notePolicy(this.#exchange!.record, this.policy, short, 0)
  }

  suspend(cancelled: (why: TicketEnd) => void): PolicyTicket {
    const exchange = this.#exchange!
    const { turn } = exchange
    const ticket = createTicket((decision) => {
      if (exchange.turn !== turn) return
      exchange.decision = decision
      this.#resumed(exchange)
    }, cancelled)
    exchange.ticket = ticket
    return ticket
  }
}

/** Without a hold on the text that it was cut from. */
function copyOf(text: string, length: number): string {
  return `${Buffer.from(text.slice(0, length)).toString()}...`
}
