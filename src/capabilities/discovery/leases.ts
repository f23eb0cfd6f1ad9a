import type { Clock } from '../../platform/capability.ts'
import { Deadlines } from './deadlines.ts'
import type { LeaseSpec } from './model.ts'
import { createLease, type InstanceRecord, type LeaseExpiry } from './records.ts'

export interface LeaseHooks {
  readonly clock: Clock
  /** Milliseconds that an instance gets in addition; undefined: its lease ends. */
  guardLease(instance: InstanceRecord): number | undefined
  onEnd(instance: InstanceRecord, atEnd: LeaseSpec['atEnd']): void
}

/** The leases of all registrations, behind one timer. */
export class Leases {
  readonly #hooks: LeaseHooks
  readonly #deadlines: Deadlines<LeaseExpiry>

  constructor(hooks: LeaseHooks) {
    this.#hooks = hooks
    this.#deadlines = new Deadlines<LeaseExpiry>(hooks.clock, (lease) => this.#end(lease))
  }

  /** Begins anew; undefined: it has none from now on. */
  set(instance: InstanceRecord, lease: LeaseSpec | undefined): void {
    const { clock } = this.#hooks
    this.clear(instance)
    instance.leaseExpiry = lease && createLease(instance, lease, clock.nowMs())
    instance.hasLapsed = false
    if (instance.leaseExpiry === undefined || lease === undefined) return
    this.#deadlines.set(instance.leaseExpiry, clock.monotonicMs() + lease.ttlMs)
  }

  renew({ leaseExpiry: lease }: InstanceRecord): void {
    if (lease === undefined) return
    const { clock } = this.#hooks
    lease.renewedAtMs = clock.nowMs()
    this.#deadlines.set(lease, clock.monotonicMs() + lease.ttlMs)
  }

  clear({ leaseExpiry }: InstanceRecord): void {
    if (leaseExpiry !== undefined) this.#deadlines.clear(leaseExpiry)
  }

  close(): void {
    this.#deadlines.close()
  }

  #end(lease: LeaseExpiry): void {
    const { instance, atEnd } = lease
    const moreMs = this.#hooks.guardLease(instance)
    if (moreMs === undefined) this.#hooks.onEnd(instance, atEnd)
    else this.#deadlines.set(lease, this.#hooks.clock.monotonicMs() + moreMs)
  }
}
