import { type BodyReader, createBodyReader, readBody } from '../../mechanisms/http1/body.ts'
import { createRequestDrops } from '../../mechanisms/http1/drops.ts'
import { formatLine } from '../../mechanisms/http1/answer.ts'
import {
  createRequestHead,
  headerValue,
  parseRequestHead,
  type RequestHead,
} from '../../mechanisms/http1/request-head.ts'
import type { ResponseHead } from '../../mechanisms/http1/response-head.ts'
import type { ClientListener } from '../listeners/client-listener.ts'
import type { EdgeCounters } from '../totals/counters.ts'
import type { ClientEvents, ClientOf, Peer, Waiting } from './client-stream.ts'
import type { ClientGround } from './ground.ts'

const NOTHING_WAITS: Waiting = { isClogged: false, isFlushed: true, unsentBytes: 0 }
/** What the copied request says of itself already is written anew. */
const DROPS = createRequestDrops({
  isPeerTrusted: true,
  names: [
    'via',
    'x-request-id',
    'x-request-attempt',
    'x-request-deadline',
    'grpc-timeout',
    'traceparent',
    'max-forwards',
  ],
})

/** What the gateway has told the instance of client and hops stands in the copy, and is told as it is. */
function sameLines(head: RequestHead, bytes: Buffer): Uint8Array {
  const lines = ['via', 'x-forwarded-for', 'forwarded'].map((name) => {
    const value = headerValue(bytes, head, name)
    return value === undefined ? '' : formatLine(name, value)
  })
  return Buffer.from(lines.join(''), 'latin1')
}

/** A request that is copied. */
export interface MirrorSource {
  readonly service: string
  readonly edge: EdgeCounters
  /** Of the client of the request. */
  readonly address: string
  /** Head and body, as they went to the instance. */
  readonly bytes: Buffer
}

/** A copy of a request: a client stream like others, whose answer is read and thrown away. */
export class MirrorRequest<E> implements ClientOf<E> {
  owner: E | null = null
  readonly protocol = 'sub-request'
  readonly listener: ClientListener
  readonly peer: Peer
  readonly outlet = NOTHING_WAITS
  readonly body: BodyReader = createBodyReader()
  readonly isHttp10 = false
  readonly #bytes: Buffer
  readonly #ended: () => void

  /** `ended` is called once. */
  constructor({ service, edge, address, bytes }: MirrorSource, ended: () => void) {
    this.listener = {
      id: 'mirror',
      port: 0,
      caller: '',
      service,
      route: '',
      edge,
      isPublic: false,
      proxyProtocol: false,
      tls: null,
      isLoopback: false,
    }
    // Lines about earlier hops stand in the copy.
    this.peer = {
      address,
      isTrusted: true,
      tls: null,
      drops: DROPS,
      forwardedLines: sameLines,
    }
    this.#bytes = bytes
    this.#ended = ended
  }

  start(ground: ClientGround, events: ClientEvents<E>): void {
    const bytes = this.#bytes
    const head = createRequestHead(ground.limits.headersMax + ADDED_FIELDS_MAX)
    const limits = {
      ...ground.headLimits,
      headBytesMax: bytes.length,
      requestLineBytesMax: bytes.length,
    }
    const end = parseRequestHead(bytes, 0, bytes.length, limits, head)
    if (end <= 0) {
      this.#ended()
      throw new RangeError('a request that was sent cannot be read again')
    }
    events.begin(this, head, bytes, end, bytes.length)
  }

  pause(): void {}

  resume(): void {}

  closeAfterwards(): void {}

  sendInterim(): void {}

  sendHead(
    _head: ResponseHead,
    bytes: Buffer,
    start: number,
    end: number,
    body: BodyReader,
  ): number {
    return this.sendBody(body, bytes, start, end)
  }

  sendBody(body: BodyReader, bytes: Buffer, start: number, end: number): number {
    let at = start
    while (at < end && !body.isDone) {
      at = readBody(body, bytes, at, end)
      if (at < 0) return at
    }
    body.consumed = at
    return 0
  }

  endBody(): void {}

  sendLocal(): void {}

  openTunnel(): void {
    throw new TypeError('a copy of a request opens no tunnel: it asks for none')
  }

  sendRaw(): void {}

  endRaw(): void {}

  release(): void {
    this.owner = null
    this.#ended()
  }

  reset(): void {}
}

/** Lines that the gateway has added to what the client sent. */
const ADDED_FIELDS_MAX = 32
