import { BREAKER, type BreakerPolicy, type BreakerState, judge } from './breaker-policy.ts'

interface Ticket {
  readonly period: number
  readonly isProbe: boolean
  untilMs: number
  isOut: boolean
  isDone: boolean
}

/** A breaker as one would write it on a blackboard: lists of calls, no memory to share. The fast one must agree with it. */
export class SlowBreaker {
  state: BreakerState = BREAKER.closed
  openUntilMs = 0
  openings = 0
  readonly #policy: BreakerPolicy
  #period = 0
  #closedAtMs = 0
  #calls: { readonly outcome: number; readonly step: number }[] = []
  #newestStep = 0
  #probes: Ticket[] = []
  #outcomes: number[] = []

  constructor(policy: BreakerPolicy) {
    this.#policy = policy
  }

  acquire(nowMs: number): object | undefined {
    if (this.state === BREAKER.open && nowMs >= this.openUntilMs) {
      this.#enter(BREAKER.halfOpen)
    }
    if (this.state === BREAKER.open) return undefined
    if (this.state === BREAKER.closed) return this.#ticket(false, Infinity)
    // The first place that nobody has, or whose lease has ended: who had it is told no more.
    const place = this.#probes.findIndex((probe) => !probe.isDone && probe.untilMs <= nowMs)
    if (place < 0) return undefined
    this.#probes[place]!.isOut = false
    const probe = this.#ticket(true, nowMs + this.#policy.probeLeaseMs)
    this.#probes[place] = probe
    return probe
  }

  #ticket(isProbe: boolean, untilMs: number): Ticket {
    return { period: this.#period, isProbe, untilMs, isOut: true, isDone: false }
  }

  giveBack(ticket: object): void {
    const given = ticket as Ticket
    if (!given.isOut) return
    given.isOut = false
    given.untilMs = -Infinity
  }

  report(given: object, outcome: number, nowMs: number): void {
    const ticket = given as Ticket
    if (!ticket.isOut || ticket.period !== this.#period) return
    if (ticket.isProbe) {
      ticket.isOut = false
      ticket.isDone = true
      this.#outcomes.push(outcome)
      return this.#judgeProbes(nowMs)
    }
    this.#count(outcome, nowMs)
    const calls = this.#calls.length
    if (calls < this.#policy.callsMin) return
    const [failures, slow] = sumsOf(this.#calls.map((call) => call.outcome))
    if (judge(this.#policy, calls, failures, slow) !== 0) this.#open(nowMs)
  }

  #count(outcome: number, nowMs: number): void {
    const { window } = this.#policy
    if (window.kind === 'count') {
      this.#calls.push({ outcome, step: 0 })
      if (this.#calls.length > window.size) this.#calls.shift()
      return
    }
    this.#newestStep = Math.max(this.#newestStep, Math.floor((nowMs * 10) / window.ms))
    this.#calls.push({ outcome, step: this.#newestStep })
    this.#calls = this.#calls.filter((call) => call.step > this.#newestStep - 10)
  }

  #judgeProbes(nowMs: number): void {
    const { probes } = this.#policy
    const [failures, slow] = sumsOf(this.#outcomes)
    const missing = probes - this.#outcomes.length
    if (judge(this.#policy, probes, failures, slow) !== 0) return this.#open(nowMs)
    if (judge(this.#policy, probes, failures + missing, slow + missing) !== 0) return
    this.#enter(BREAKER.closed)
    this.#closedAtMs = nowMs
  }

  #open(nowMs: number): void {
    const lengthMs = (count: number): number =>
      Math.min(this.#policy.openMsMax, this.#policy.openMs * 2 ** (count - 1))
    const wasQuiet =
      this.state === BREAKER.closed && nowMs - this.#closedAtMs >= lengthMs(this.openings)
    this.openings = this.openings === 0 || wasQuiet ? 1 : this.openings + 1
    this.openUntilMs = nowMs + lengthMs(this.openings)
    this.#enter(BREAKER.open)
  }

  #enter(state: BreakerState): void {
    this.state = state
    this.#period++
    this.#calls = []
    const free = (): Ticket => ({ ...this.#ticket(true, -Infinity), isOut: false })
    this.#probes = Array.from({ length: this.#policy.probes }, free)
    this.#outcomes = []
  }
}

function sumsOf(outcomes: readonly number[]): [failures: number, slow: number] {
  return [
    outcomes.filter((outcome) => (outcome & 1) !== 0).length,
    outcomes.filter((outcome) => (outcome & 2) !== 0).length,
  ]
}
