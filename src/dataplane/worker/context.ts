import type { PickContext } from '../../mechanisms/balancing/balancing.ts'
import type { CidrSet } from '../../mechanisms/cidr/cidr.ts'
import type { HeadLimits, RequestHead } from '../../mechanisms/http1/request-head.ts'
import type { ResponseHead } from '../../mechanisms/http1/response-head.ts'
import type { RequestRewrite, ResponseRewrite } from '../../mechanisms/http1/write-head.ts'
import type { Clock } from '../../platform/capability.ts'
import type { GatewayLimits } from '../../contracts/snapshot.ts'
import type { ClientConnection } from '../http/client-connection.ts'
import type { Exchange } from '../http/exchange.ts'
import type { HostNames } from '../http/host-check.ts'
import type { Identifiers } from '../http/identifiers.ts'
import type { Routes } from '../http/routes.ts'
import type { Scratch } from '../http/scratch.ts'
import type { AccessLog } from '../records/access-log.ts'
import type { RecordBatches } from '../records/record-batches.ts'
import type { RecordRing } from '../records/ring.ts'
import type { SharedCounts } from '../shared-counts.ts'
import type { TcpConnection } from '../tcp/tcp-connection.ts'
import type { TotalsCollector } from '../totals/worker-totals.ts'
import type { UpstreamEvents } from '../upstream/connection.ts'
import type { Instance } from '../upstream/instance.ts'
import type { Service } from '../upstream/service.ts'

/** Everything that the connections of one worker share. One a worker; nothing of it is visible to another one. */
export interface WorkerContext {
  readonly index: number
  readonly workers: number
  readonly clock: Clock
  /** Unix milliseconds minus monotonic milliseconds, renewed every tick. */
  wallOffsetMs: number

  readonly counts: SharedCounts
  readonly totals: TotalsCollector
  readonly ring: RecordRing
  readonly accessLog: AccessLog
  readonly batches: RecordBatches
  readonly identifiers: Identifiers

  readonly readBuffer: Buffer
  readonly scratch: Scratch
  /** Records for the head that is being parsed; one that is kept by a connection with half a head is replaced. */
  requestHead: RequestHead
  responseHead: ResponseHead
  readonly requestRewrite: RequestRewrite
  readonly responseRewrite: ResponseRewrite
  readonly pick: PickContext<Instance>

  version: number
  limits: GatewayLimits
  headLimits: HeadLimits
  responseLimits: HeadLimits
  trusted: CidrSet
  hosts: HostNames
  routes: Routes
  readonly services: Map<string, Service>

  readonly clients: Set<ClientConnection>
  readonly tcpConnections: Set<TcpConnection>
  /** In flight, in no order: a dense array, so that the scan of deadlines is one loop. */
  readonly exchanges: Exchange[]
  readonly spareExchanges: Exchange[]
  readonly upstreamEvents: UpstreamEvents
  /** No new request from outside; connections are closed as they become idle. */
  isDraining: boolean
  /** A removed instance has nothing in flight any more. */
  reportDrained(service: string, id: string, removal: number): void
}

/** Fields of a response head; nobody sends more on purpose. */
export const RESPONSE_FIELDS_MAX = 256
/** Records of ended exchanges that are kept for the next ones. */
export const SPARE_EXCHANGES_MAX = 1024
