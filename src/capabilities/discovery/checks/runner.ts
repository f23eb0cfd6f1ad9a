import type { Scope } from '../../../platform/capability.ts'
import { isActive, type CheckRecord, type InstanceRecord } from '../records.ts'
import { runCheck } from './run.ts'
import { CheckScheduler, type CheckResult, type Job } from './scheduler.ts'

interface Subject {
  readonly instance: InstanceRecord
  readonly check: CheckRecord
}

/** Runs the active checks of the registry's instances. */
export class CheckRunner {
  readonly #jobs = new Map<CheckRecord, Job<Subject>>()
  readonly #scheduler: CheckScheduler<Subject>

  constructor(
    { clock, random }: Pick<Scope, 'clock' | 'random'>,
    concurrencyMax: number,
    onResult: (instance: InstanceRecord, check: CheckRecord, result: CheckResult) => void,
  ) {
    this.#scheduler = new CheckScheduler<Subject>({
      clock,
      random,
      concurrencyMax,
      run: ({ instance, check }, signal) => {
        if (check.spec === undefined) throw new TypeError('an active check has a specification')
        return runCheck(check.spec, instance, signal, clock)
      },
      onResult: ({ instance, check }, result) => onResult(instance, check, result),
    })
  }

  get runningCount(): number {
    return this.#scheduler.runningCount
  }

  get queuedCount(): number {
    return this.#scheduler.queuedCount
  }

  start(instance: InstanceRecord, check: CheckRecord): void {
    const { spec } = check
    if (spec === undefined || spec.kind === 'ttl' || spec.kind === 'reported') return
    const job = this.#scheduler.start({ instance, check }, spec, check.status)
    this.#jobs.set(check, job)
  }

  stop(check: CheckRecord): void {
    const job = this.#jobs.get(check)
    if (job === undefined) return
    this.#jobs.delete(check)
    this.#scheduler.stop(job)
  }

  /** Goes on from the present status of the check. */
  restart(instance: InstanceRecord, check: CheckRecord): void {
    if (!isActive(check)) return
    this.stop(check)
    this.start(instance, check)
  }

  close(): Promise<void> {
    this.#jobs.clear()
    return this.#scheduler.close()
  }
}
