import type { RuleGroup } from '../../../mechanisms/alert-rules/rules.ts'
import { GroupRunner } from './group-runner.ts'
import type { RuleGround } from './rule-ground.ts'

/** All groups of rules, as control says them. */
export class RuleGroups {
  readonly #ground: RuleGround
  #runners: readonly GroupRunner[] = []

  constructor(ground: RuleGround) {
    this.#ground = ground
  }

  get all(): readonly GroupRunner[] {
    return this.#runners
  }

  /** Puts groups into force. One that is as it was goes on untouched; one that has changed keeps the alerts of its rules. */
  async set(groups: readonly RuleGroup[]): Promise<void> {
    const before = new Map(this.#runners.map((runner) => [keyOf(runner.group), runner]))
    const next: GroupRunner[] = []
    const begun: GroupRunner[] = []
    for (const group of groups) {
      const known = before.get(keyOf(group))
      before.delete(keyOf(group))
      if (known !== undefined && JSON.stringify(known.group) === JSON.stringify(group)) {
        next.push(known)
        continue
      }
      await known?.stop()
      const runner = new GroupRunner(group, this.#ground, known)
      next.push(runner)
      begun.push(runner)
    }
    this.#runners = next
    for (const runner of before.values()) await runner.end()
    for (const runner of begun) runner.begin()
  }

  async close(): Promise<void> {
    await Promise.all(this.#runners.map((runner) => runner.stop()))
  }
}

function keyOf({ file, name }: RuleGroup): string {
  return JSON.stringify([file, name])
}
