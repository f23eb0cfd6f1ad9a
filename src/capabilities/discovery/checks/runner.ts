import type { Scope } from '../../../platform/capability.ts'
import type { ActiveCheckSpec, CheckSpec } from '../check-spec.ts'
import { addressOf, isActive } from '../create-checks.ts'
import type { CheckRecord } from '../records.ts'
import { runCheck } from './run.ts'
import { CheckScheduler, type CheckResult, type Job } from './scheduler.ts'

/** Runs the active checks of the registry's instances and nodes. */
export class CheckRunner {
  readonly #jobs = new Map<CheckRecord, Job<CheckRecord>>()
  readonly #scheduler: CheckScheduler<CheckRecord>

  constructor(
    { clock, random }: Pick<Scope, 'clock' | 'random'>,
    concurrencyMax: number,
    onResult: (check: CheckRecord, result: CheckResult) => void,
  ) {
    this.#scheduler = new CheckScheduler<CheckRecord>({
      clock,
      random,
      concurrencyMax,
      run: ({ spec, owner }, signal) => runCheck(spec, addressOf(owner), signal, clock),
      onResult,
    })
  }

  get runningCount(): number {
    return this.#scheduler.runningCount
  }

  get queuedCount(): number {
    return this.#scheduler.queuedCount
  }

  start(check: CheckRecord): void {
    const { spec } = check
    if (!isActiveSpec(spec)) return
    this.#jobs.set(check, this.#scheduler.start(check, spec, check.status))
  }

  stop(check: CheckRecord): void {
    const job = this.#jobs.get(check)
    if (job === undefined) return
    this.#jobs.delete(check)
    this.#scheduler.stop(job)
  }

  /** Goes on from the present status of the check. */
  restart(check: CheckRecord): void {
    this.stop(check)
    this.start(check)
  }

  close(): Promise<void> {
    this.#jobs.clear()
    return this.#scheduler.close()
  }
}

function isActiveSpec(spec: CheckSpec): spec is ActiveCheckSpec {
  return isActive(spec.kind)
}
