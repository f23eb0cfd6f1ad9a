import { nameOfRule, type RuleGroup } from '../../../mechanisms/alert-rules/rules.ts'
import type { RuleGround } from './rule-ground.ts'
import { RuleRunner } from './rule-runner.ts'

/** Evaluates the rules of a group, one after the other, at times that are multiples of its interval plus the group's own place. */
export class GroupRunner {
  readonly group: RuleGroup
  readonly rules: readonly RuleRunner[]
  /** The last evaluation; 0: none yet. */
  lastMs = 0
  durationMs = 0
  /** Evaluations that were left out, because the one before took longer than the interval. */
  missedCount = 0
  readonly #ground: RuleGround
  readonly #gone: readonly RuleRunner[]
  #cancel = (): void => {}
  #isOver = false
  #dueMs = 0
  #running: Promise<void> = Promise.resolve()

  /** `before` is the group with the same name before a change; it must have been stopped. */
  constructor(group: RuleGroup, ground: RuleGround, before?: GroupRunner) {
    this.group = group
    this.#ground = ground
    const known = [...(before?.rules ?? [])]
    this.rules = group.rules.map((rule) => {
      const fresh = new RuleRunner(rule, group, ground)
      const at = known.findIndex(({ key }) => key === fresh.key)
      const [same] = at < 0 ? [] : known.splice(at, 1)
      return same === undefined ? fresh : new RuleRunner(rule, group, ground, same)
    })
    this.#gone = known
  }

  /** Begins at its place within the interval, so that not all groups are evaluated at once. */
  begin(): void {
    const { intervalMs, file, name } = this.group
    const nowMs = this.#ground.clock.nowMs()
    this.#endRules(this.#gone, nowMs)
    const place = placeOf(`${file};${name}`) % intervalMs
    this.#dueMs = Math.floor((nowMs - place) / intervalMs) * intervalMs + place
    if (this.#dueMs < nowMs) this.#dueMs += intervalMs
    this.#schedule()
  }

  /** No more evaluations; resolves when the one under way is over. Its series stay as they are. */
  async stop(): Promise<void> {
    this.#isOver = true
    this.#cancel()
    await this.#running
  }

  /** The group is gone: its series end, and its alerts are told no more. */
  async end(): Promise<void> {
    await this.stop()
    this.#endRules(this.rules, this.#ground.clock.nowMs())
    await this.#ground.store.commit().catch(() => {})
  }

  /** Evaluates once, as of `atMs`. */
  async evaluate(atMs: number): Promise<void> {
    const { clock, store } = this.#ground
    const begin = clock.monotonicMs()
    for (const rule of this.rules) {
      if (this.#isOver) return
      await rule.evaluate(atMs)
      this.#tell(rule, atMs)
    }
    this.durationMs = clock.monotonicMs() - begin
    this.lastMs = atMs
    // What cannot be written now is kept and written later; the store tells it.
    await store.commit().catch(() => {})
  }

  #tell(runner: RuleRunner, atMs: number): void {
    if (runner.rule.kind === 'recording') return
    const alerts = runner.last.health === 'ok' ? runner.told() : undefined
    // A rule that cannot be evaluated now says nothing of its alerts, neither that they fire nor that they are over.
    if (alerts === undefined) return
    const { intervalMs } = this.group
    this.#ground.tell({ rule: this.#keyOf(runner), atMs, intervalMs, alerts })
  }

  #endRules(rules: readonly RuleRunner[], atMs: number): void {
    const { intervalMs } = this.group
    for (const rule of rules) {
      rule.end(atMs)
      if (rule.rule.kind === 'recording') continue
      this.#ground.tell({ rule: this.#keyOf(rule), atMs, intervalMs, alerts: [] })
    }
  }

  #keyOf({ rule, key }: RuleRunner): string {
    return JSON.stringify([this.group.file, this.group.name, nameOfRule(rule), key])
  }

  #schedule(): void {
    const { clock } = this.#ground
    this.#cancel = clock.after(Math.max(0, this.#dueMs - clock.nowMs()), () => {
      this.#running = this.#run()
    })
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#ground
    try {
      await this.evaluate(this.#dueMs)
    } catch (error) {
      log('error', 'a group of rules cannot be evaluated', { group: this.group.name, error })
    }
    if (this.#isOver) return
    const { intervalMs } = this.group
    this.#dueMs += intervalMs
    const behindMs = clock.nowMs() - this.#dueMs
    if (behindMs > 0) {
      const missed = Math.ceil(behindMs / intervalMs)
      this.missedCount += missed
      this.#dueMs += missed * intervalMs
    } else if (behindMs < -2 * intervalMs) {
      // The clock was set back.
      this.#dueMs = clock.nowMs() + intervalMs
    }
    this.#schedule()
  }
}

/** FNV-1a: the same place in every run. */
function placeOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  }
  return hash >>> 0
}
