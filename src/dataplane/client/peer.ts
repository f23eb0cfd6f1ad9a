import { isLoopback } from '../../mechanisms/cidr/cidr.ts'
import { createRequestDrops, type Drops } from '../../mechanisms/http1/drops.ts'
import type { RequestHead } from '../../mechanisms/http1/request-head.ts'
import {
  parseProxyHeader,
  type ProxyParse,
} from '../../mechanisms/proxy-protocol/proxy-protocol.ts'
import type { Accepted } from '../io/accepted.ts'
import type { TlsFacts } from '../tls/facts.ts'
import type { ClientListener } from '../listeners/client-listener.ts'
import type { Peer } from './client-stream.ts'
import { forwardedLines } from './forwarded.ts'
import type { ClientGround } from './ground.ts'

/** Fields of requests that the gateway writes itself. */
export const OWN_REQUEST_FIELDS = [
  'x-request-id',
  'traceparent',
  'max-forwards',
  'x-request-attempt',
  'x-request-deadline',
  'grpc-timeout',
] as const
const TRUSTED_DROPS = createRequestDrops({ isPeerTrusted: true, names: OWN_REQUEST_FIELDS })
/** Fields that only trusted peers may say. */
export const TRUSTED_REQUEST_FIELDS = ['x-request-priority'] as const
const UNTRUSTED_DROPS = createRequestDrops({
  isPeerTrusted: false,
  names: [...OWN_REQUEST_FIELDS, ...TRUSTED_REQUEST_FIELDS],
})

const NOT_TRUSTED: ProxyParse = {
  kind: 'error',
  code: 'ERR_PROXY_PROTOCOL_INVALID',
  message:
    'this address is not among the trustedProxies, so its PROXY protocol header is not believed',
}

/** Who is at the other end of a connection, whether it is believed, and what the instance is told of it. */
export class ClientPeer implements Peer {
  address: string
  isTrusted = false
  readonly tls: TlsFacts | null
  /** Version of HTTP where its heads do not say it: that of all streams of the connection. */
  version = ''
  drops: Drops = UNTRUSTED_DROPS
  readonly #ground: ClientGround
  readonly #listener: ClientListener
  #trustVersion = -1
  #host = ''
  #minorVersion = -1
  #lines: Buffer | null = null

  constructor(
    ground: ClientGround,
    listener: ClientListener,
    { address, tls }: Pick<Accepted, 'address' | 'tls'>,
  ) {
    this.#ground = ground
    this.#listener = listener
    this.address = address
    this.tls = tls
    this.renew()
  }

  /** Judged anew when the trusted proxies have changed: a connection may be older than a reload. */
  renew(): void {
    const { trusted, trustVersion } = this.#ground
    if (this.#trustVersion === trustVersion) return
    this.#trustVersion = trustVersion
    this.isTrusted = this.#listener.isPublic
      ? trusted.contains(this.address)
      : isLoopback(this.address)
    this.drops = this.isTrusted ? TRUSTED_DROPS : UNTRUSTED_DROPS
    this.#lines = null
  }

  /** The PROXY protocol header at the start of a connection; only trusted peers may send one. */
  readProxyHeader(bytes: Uint8Array): ProxyParse {
    if (!this.isTrusted) return NOT_TRUSTED
    const parsed = parseProxyHeader(bytes)
    // Who speaks through the proxy is not the proxy: it must be trusted by its own address.
    if (parsed.kind === 'header' && parsed.source !== undefined) {
      this.address = parsed.source.address
      this.#trustVersion = -1
      this.renew()
    }
    return parsed
  }

  /** Made once as long as it asks for the same host and says nothing of earlier hops. */
  forwardedLines(head: RequestHead, bytes: Buffer): Buffer {
    const isKnown = this.#host === head.host && this.#minorVersion === head.minorVersion
    if (this.#lines !== null && !this.isTrusted && isKnown) return this.#lines
    const { address, isTrusted, version } = this
    const localPort = this.#listener.port
    const scheme = this.tls === null ? 'http' : 'https'
    const lines = forwardedLines({ address, localPort, isTrusted, version, scheme }, head, bytes)
    const shown = this.tls?.clientCertificate?.line ?? ''
    this.#lines = Buffer.from(shown === '' ? lines : lines + shown, 'latin1')
    this.#host = head.host
    this.#minorVersion = head.minorVersion
    return this.#lines
  }
}
