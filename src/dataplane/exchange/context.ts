import type { ChallengeSpec } from '../../contracts/certificates.ts'
import type { PickContext } from '../../mechanisms/balancing/balancing.ts'
import type { RequestRewrite, ResponseRewrite } from '../../mechanisms/http1/write-head.ts'
import type { HalfSipHash } from '../../mechanisms/siphash/half-siphash.ts'
import type { ClientEvents } from '../client/client-stream.ts'
import type { ClientGround } from '../client/ground.ts'
import type { LocalReply, PolicyGround } from '../policies/policy.ts'
import type { Drops } from '../../mechanisms/http1/drops.ts'
import type { Happened } from '../resilience/outlier-watch.ts'
import type { KeyedCounts } from '../shared/counts.ts'
import type { TotalsCollector } from '../totals/worker-totals.ts'
import type { UpstreamGround } from '../upstream/ground.ts'
import type { Http2InstanceConnection } from '../upstream/http2-connection.ts'
import type { Instance } from '../upstream/instance.ts'
import type { InstanceEvents, InstanceOf } from '../upstream/instance-stream.ts'
import type { Service } from '../upstream/service.ts'
import type { Sinks } from '../records/sinks.ts'
import type { DateLine } from './date-line.ts'
import type { Attempt, Exchange } from './exchange.ts'
import type { HostNames } from './host-check.ts'
import type { PolicyView } from './policy-view.ts'
import type { Identifiers } from './identifiers.ts'
import type { HeadFields, Routes } from './routes.ts'

/** What the gateway says of HTTPS. */
export interface HttpsState {
  /** Field line of answers over TLS, '' for none. */
  hstsLine: string
  /** Port to which requests in the clear are sent: -1 not at all, 0 that of the listener with TLS. */
  redirectPort: number
  /** Of the first listener with TLS, 0 while there is none. */
  securePort: number
}

/** Everything that the exchanges of one worker share. One a worker; nothing of it is visible to another one. */
export interface ExchangeContext extends ClientGround, UpstreamGround {
  readonly counts: KeyedCounts
  readonly totals: TotalsCollector
  readonly sinks: Sinks
  readonly identifiers: Identifiers
  readonly requestRewrite: RequestRewrite
  readonly responseRewrite: ResponseRewrite
  readonly pick: PickContext<Instance>
  /** Of keys of hashed balancing. */
  readonly keyHash: HalfSipHash
  /** Of the breaker of the instance that was chosen last. */
  instancePermit: number
  readonly headFields: HeadFields
  readonly policyView: PolicyView
  readonly policyGround: PolicyGround
  /** Copies of requests that are under way. */
  readonly mirrors: { count: number }
  /** Answers that are being encoded. */
  readonly encoders: { count: number }
  /** Fields of answers that are not forwarded, where no policy says more. */
  readonly responseDrops: Drops
  readonly dateLine: DateLine

  /** Unix milliseconds minus monotonic milliseconds, renewed every tick. */
  wallOffsetMs: number
  version: number
  hosts: HostNames
  readonly https: HttpsState
  /** What certificate authorities may ask, by id. */
  readonly challenges: Map<string, ChallengeSpec>
  routes: Routes
  readonly services: Map<string, Service<Attempt>>

  /** Services that somebody waits for, here. */
  readonly crowded: Set<Service<Attempt>>
  /** In flight, in no order: a dense array, so that the scan of deadlines is one loop. */
  readonly exchanges: Exchange[]
  readonly spareExchanges: Exchange[]
  readonly clientEvents: ClientEvents<Exchange>
  readonly instanceEvents: InstanceEvents<Attempt>
  /** Begins a connection to the instance, for which a place was taken. */
  connect(instance: Instance): InstanceOf<Attempt>
  /** The same for one of HTTP/2, which carries many requests. */
  connectShared(instance: Instance): Http2InstanceConnection<Attempt>
  /** A removed instance has nothing in flight any more. */
  reportDrained(service: string, id: string, removal: number): void
  /** In place of a failure: another service, or a fixed answer. False: nothing has happened. */
  fallBack(exchange: Exchange, reply: LocalReply): boolean
  /** A report of this worker changed the state of a breaker. */
  breakerChanged(): void
  /** A policy of resilience did something by itself. */
  happened(event: Happened): void
  /** A defect of ours was caught: it is counted and logged with its stack. */
  reportDefect(error: unknown): void
}

/** Records of ended exchanges that are kept for the next ones. */
export const SPARE_EXCHANGES_MAX = 1024
