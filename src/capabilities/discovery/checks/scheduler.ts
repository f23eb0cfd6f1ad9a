import type { Clock, Random } from '../../../platform/capability.ts'
import { Deadlines, NO_DEADLINE, type Timed } from '../deadlines.ts'
import type { ActiveCheckTimes, CheckStatus } from '../check-spec.ts'

/** Between two checks of an instance that is starting. */
export const STARTUP_INTERVAL_MS = 100
/** Intervals are longer or shorter by up to this share, so that checks do not run in step. */
const JITTER_RATIO = 0.1

/** What one run of a check found. */
export interface CheckResult {
  readonly status: CheckStatus
  readonly output: string
  readonly durationMs: number
}

/** Runs a check once. Must settle soon after the signal aborts: rejects when there is no answer yet. */
export type RunCheck<Subject> = (subject: Subject, signal: AbortSignal) => Promise<CheckResult>

export interface SchedulerNeeds<Subject> {
  readonly clock: Clock
  readonly random: Random
  /** Checks at the same time; others wait their turn, first come, first served. */
  readonly concurrencyMax: number
  readonly run: RunCheck<Subject>
  /** The status that counts after the thresholds, with the output of this run. */
  readonly onResult: (subject: Subject, result: CheckResult) => void
}

/** One check of one instance that is run again and again. */
export interface Job<Subject> extends Timed {
  readonly subject: Subject
  readonly times: ActiveCheckTimes
  readonly startedAtMs: number
  status: CheckStatus
  passingInRow: number
  failingInRow: number
  hasPassed: boolean
  isStopped: boolean
  /** Ends the run that is under way. */
  abort: AbortController | undefined
}

/** Runs any number of checks behind one timer, at most so many at the same time. */
export class CheckScheduler<Subject> {
  readonly #needs: SchedulerNeeds<Subject>
  readonly #deadlines: Deadlines<Job<Subject>>
  /** Due, but too many are running: in order of arrival. */
  readonly #queue = new Set<Job<Subject>>()
  readonly #running = new Set<Promise<void>>()
  readonly #aborts = new Set<AbortController>()
  #isClosed = false

  constructor(needs: SchedulerNeeds<Subject>) {
    this.#needs = needs
    this.#deadlines = new Deadlines<Job<Subject>>(needs.clock, (job) => this.#enter(job))
  }

  get runningCount(): number {
    return this.#running.size
  }

  get queuedCount(): number {
    return this.#queue.size
  }

  /** The first run is at once for an instance that must prove itself; one that is passing already waits for its turn. */
  start(subject: Subject, times: ActiveCheckTimes, status: CheckStatus): Job<Subject> {
    const nowMs = this.#needs.clock.monotonicMs()
    const isAdopted = status === 'passing' || status === 'warning'
    const job: Job<Subject> = {
      ...NO_DEADLINE,
      subject,
      times,
      startedAtMs: nowMs,
      status,
      passingInRow: 0,
      failingInRow: 0,
      hasPassed: isAdopted,
      isStopped: false,
      abort: undefined,
    }
    const delayMs = isAdopted ? this.#needs.random() * times.intervalMs : 0
    this.#deadlines.set(job, nowMs + delayMs)
    return job
  }

  /** No result is told after this. */
  stop(job: Job<Subject>): void {
    job.isStopped = true
    this.#deadlines.clear(job)
    this.#queue.delete(job)
    job.abort?.abort()
  }

  /** Resolves when nothing runs any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#deadlines.close()
    this.#queue.clear()
    this.#abortAll()
    await Promise.all(this.#running)
  }

  #abortAll(): void {
    for (const abort of this.#aborts) abort.abort()
  }

  #enter(job: Job<Subject>): void {
    if (this.#isClosed || job.isStopped) return
    if (this.#running.size >= this.#needs.concurrencyMax) {
      this.#queue.add(job)
      return
    }
    const running = this.#runOnce(job).finally(() => {
      this.#running.delete(running)
      const [next] = this.#queue
      if (next === undefined) return
      this.#queue.delete(next)
      this.#enter(next)
    })
    this.#running.add(running)
  }

  async #runOnce(job: Job<Subject>): Promise<void> {
    const { clock } = this.#needs
    const fromMs = clock.monotonicMs()
    const abort = new AbortController()
    job.abort = abort
    this.#aborts.add(abort)
    let hasTimedOut = false
    const cancel = clock.after(job.times.timeoutMs, () => {
      hasTimedOut = true
      abort.abort()
    })
    let result: CheckResult
    try {
      result = await this.#needs.run(job.subject, abort.signal)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      const output = hasTimedOut ? `No answer within ${job.times.timeoutMs} ms.` : why
      result = { status: 'critical', output, durationMs: clock.monotonicMs() - fromMs }
    }
    cancel()
    this.#aborts.delete(abort)
    job.abort = undefined
    if (job.isStopped || this.#isClosed) return
    this.#judge(job, result)
    this.#deadlines.set(job, clock.monotonicMs() + this.#delayOf(job))
  }

  /** A single result decides nothing where thresholds ask for several in a row. */
  #judge(job: Job<Subject>, result: CheckResult): void {
    const isFailing = result.status === 'critical'
    job.passingInRow = isFailing ? 0 : job.passingInRow + 1
    job.failingInRow = isFailing ? job.failingInRow + 1 : 0
    if (!isFailing) {
      if (
        job.status === 'passing' ||
        job.status === 'warning' ||
        job.passingInRow >= job.times.healthy
      ) {
        job.status = result.status
        job.hasPassed = true
      }
    } else if (!this.#isStarting(job)) {
      if (job.failingInRow >= job.times.unhealthy) job.status = 'critical'
      else if (job.failingInRow >= (job.times.warnAfter ?? Infinity)) job.status = 'warning'
    }
    this.#needs.onResult(job.subject, { ...result, status: job.status })
  }

  #isStarting(job: Job<Subject>): boolean {
    const ageMs = this.#needs.clock.monotonicMs() - job.startedAtMs
    return !job.hasPassed && ageMs < job.times.startupMs
  }

  #delayOf(job: Job<Subject>): number {
    const { intervalMs } = job.times
    // What is not passing yet is asked often, so that a healthy start is routable at once.
    if (this.#isStarting(job)) return Math.min(intervalMs, STARTUP_INTERVAL_MS)
    return intervalMs * (1 + JITTER_RATIO * (2 * this.#needs.random() - 1))
  }
}
