import type {
  ListenerSpec,
  EdgeTotals,
  InstanceTotals,
  SnapshotOp,
  Http2Totals,
} from '../../contracts/snapshot.ts'
import type { QuotaMessage } from '../../contracts/quotas.ts'
import type { KeyWantedMessage } from '../../contracts/issuers.ts'
import type { FlightMemory } from '../shared/in-flight.ts'
import type { Happened } from '../resilience/outlier-watch.ts'
import type { WorkerLoad } from '../resilience/service-load.ts'

/** A listener with what the main thread has found out about it: the addresses behind its name, and a free port where 0 was asked for. */
export interface ListenerBinding {
  readonly spec: ListenerSpec
  /** The first one must open; the others (`::1` of localhost) are opened where the machine has them. */
  readonly addresses: readonly string[]
  readonly port: number
}

/** Main thread to worker. */
export type ToWorker =
  | {
      readonly type: 'update'
      readonly version: number
      readonly reset: boolean
      readonly ops: readonly SnapshotOp[]
      /** Places of the shared counts: of a service's queue by its name, of an instance's connections by service and id. */
      readonly places: ReadonlyMap<string, number>
      /** All listeners that shall be open; undefined: as before. */
      readonly listeners: readonly ListenerBinding[] | undefined
    }
  /** From now on session tickets are made with these. */
  | { readonly type: 'ticket-keys'; readonly keys: Uint8Array }
  /** IP addresses of host names of instances, new or changed. */
  | { readonly type: 'names'; readonly addresses: ReadonlyMap<string, string> }
  /** Hands over what is held of finished requests; answered by `flushed`. */
  | { readonly type: 'flush'; readonly ask: number }
  /** Closes the listeners to the outside; answered by `idle` when nothing from there is in flight any more. */
  | { readonly type: 'drain' }
  /** Gives the buffer of a batch back. */
  | { readonly type: 'log-buffer'; readonly buffer: ArrayBuffer }
  | { readonly type: 'records-buffer'; readonly buffer: ArrayBuffer }

/** Worker to main thread. */
export type FromWorker =
  | {
      readonly type: 'applied'
      readonly version: number
      readonly errors: readonly ListenerError[]
    }
  | {
      readonly type: 'drained'
      readonly service: string
      readonly id: string
      readonly removal: number
    }
  | WorkerTotals
  | { readonly type: 'flushed'; readonly ask: number }
  | (Batch & { readonly type: 'log' })
  /** Finished requests, in the form of src/contracts/records.ts. */
  | (Batch & { readonly type: 'records' })
  | { readonly type: 'idle' }
  /** A token names a key that no issuer has told of. */
  | KeyWantedMessage
  /** What quotas have counted. */
  | QuotaMessage
  /** This worker has left out an instance, gives a service less since it is overloaded, or all again. */
  | { readonly type: 'happened'; readonly event: Happened }
  /** A breaker has changed its state: look at all of them. */
  | { readonly type: 'breaker' }
  /** A throw of ours was caught: it cost one request. */
  | { readonly type: 'defect'; readonly stack: string }
  /** A change could not be applied; the rest of its update was. */
  | { readonly type: 'failed'; readonly op: string; readonly error: string }

/** Sends to the main thread; `transfer` moves the buffer of a log batch. */
export type Post = (message: FromWorker, transfer?: readonly ArrayBuffer[]) => void

/** Lines or records that a worker hands over at once; the buffer is moved, and given back. */
export interface Batch {
  readonly buffer: ArrayBuffer
  readonly length: number
  readonly count: number
}

export interface ListenerError {
  readonly id: string
  readonly error: string
}

/** Rows that changed since the last report. Counts are differences; `inFlight`, `connections` and `ejectedUntilMs` are values. */
export interface WorkerTotals {
  readonly type: 'totals'
  readonly edges: readonly EdgeTotals[]
  readonly instances: readonly InstanceTotals[]
  /** Client connections that are open, and requests since the start of this worker. */
  readonly connections: number
  readonly http2?: Http2Totals
  /** Of services of which there is something to say. */
  readonly loads?: readonly WorkerLoad[]
  readonly requests: number
  readonly limited: Readonly<Record<string, number>>
  readonly handshakes: Readonly<Record<string, number>>
  readonly accessLogDropped: number
  readonly recordsDropped: number
}

/** What a worker thread is started with. */
export interface WorkerBoot {
  readonly index: number
  readonly workers: number
  /** Counts and token buckets that all workers share. */
  readonly shared: SharedArrayBuffer
  readonly buckets: SharedArrayBuffer
  /** Requests in flight by key, of limits. */
  readonly flights: FlightMemory
  /** Of TLS session tickets: the same for all, so that a client may come back to another worker. */
  readonly ticketKeys: Uint8Array
  /** What is learnt of services and instances. */
  readonly resilience: SharedArrayBuffer
}

/** Key of a place of the shared counts: the requests that wait for a service. */
export function pendingKey(service: string): string {
  return service
}

/** Key of a place of the shared counts: the requests of a service that are in flight. */
export function flightKey(service: string): string {
  return `${service}\n\n`
}

/** Key of a place of the shared counts: the connections to an instance. */
export function connectionsKey(service: string, id: string): string {
  return `${service}\n${id}`
}
