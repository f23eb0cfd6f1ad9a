import { createTicket, type Ticket } from '../ticket.ts'
import type { LocalReply, PendingDecision, PolicyExchange, TicketEnd } from '../policy.ts'

/** A request as a test says it. */
export interface FakeRequest {
  readonly method?: string
  readonly path?: string
  readonly query?: string
  readonly host?: string
  readonly address?: string
  readonly nowMs?: number
  /** By lower-case name. */
  readonly headers?: Readonly<Record<string, string>>
}

/** An exchange without a connection: it keeps what policies say. */
export class FakeExchange implements PolicyExchange {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly hostname: string
  readonly host: string
  readonly scheme = 'http'
  readonly clientCertificate = null
  readonly isClientAsked = false
  readonly address: string
  readonly routeId = 'orders'
  nowMs: number
  policy = ''
  answer: LocalReply | undefined
  responseLines = ''
  requestLines = ''
  readonly notes: string[] = []
  /** Of a policy that waits. */
  ticket: Ticket | undefined
  decision: PendingDecision | undefined
  readonly #headers: ReadonlyMap<string, string>

  constructor(request: FakeRequest = {}) {
    this.method = request.method ?? 'GET'
    this.path = request.path ?? '/orders/7'
    this.query = request.query ?? ''
    this.host = request.host ?? 'shop.example.com:8080'
    this.hostname = this.host.replace(/:\d+$/, '')
    this.address = request.address ?? '203.0.113.7'
    this.nowMs = request.nowMs ?? 0
    this.#headers = new Map(Object.entries(request.headers ?? {}))
  }

  header(lowerName: string): string | undefined {
    return this.#headers.get(lowerName)
  }

  note(decision: string): void {
    this.notes.push(decision)
  }

  suspend(cancelled: (why: TicketEnd) => void): Ticket {
    this.ticket = createTicket((decision) => void (this.decision = decision), cancelled)
    return this.ticket
  }

  /** Values of the response field `name` in `responseLines` and the lines of the answer. */
  responseField(name: string): readonly string[] {
    const lines = `${this.responseLines}${this.answer?.lines ?? ''}`.split('\r\n')
    return lines.flatMap((line) =>
      line.startsWith(`${name}: `) ? [line.slice(name.length + 2)] : [],
    )
  }
}
