import type { Clock } from '../../platform/capability.ts'
import { isActive } from './create-checks.ts'
import type { CheckStatus } from './check-spec.ts'
import { Deadlines, NO_DEADLINE } from './deadlines.ts'
import { statusOfNode, worstStatus } from './health.ts'
import type { CheckChange } from './model.ts'
import {
  InstanceRecord,
  type CheckExpiry,
  type CheckOwner,
  type CheckRecord,
  type NodeRecord,
} from './records.ts'

/** Output of one check that is kept, in characters. */
export const CHECK_OUTPUT_CHARACTERS_MAX = 4 * 1024
/** Output of all checks together; beyond it only the start of each new one is kept. */
export const CHECK_OUTPUTS_CHARACTERS_MAX = 32 * 1024 * 1024
/** What is kept of an output when there is no room any more. */
const OUTPUT_START_CHARACTERS = 128

/** What one result says. */
export interface CheckReport {
  readonly status: CheckStatus
  readonly output: string
  readonly durationMs: number
}

/** What the checks ask of their surroundings. */
export interface CheckBookHooks {
  readonly clock: Clock
  /** An active check must run from now on. */
  startCheck(check: CheckRecord): void
  stopCheck(check: CheckRecord): void
  /** Its status is another one now. */
  onStatus(check: CheckRecord): void
  /** It was critical for as long as it may be. */
  onCriticalForLong(check: CheckRecord): void
  node(name: string): NodeRecord | undefined
}

/** All checks of instances and nodes: their deadlines, their ids on the node, and those that stand as another one does. */
export class CheckBook {
  readonly #hooks: CheckBookHooks
  readonly #expiries: Deadlines<CheckExpiry>
  /** Alias checks by the node that they look at. */
  readonly #aliases = new Map<string, Set<CheckRecord>>()
  readonly #listeners = new Set<(change: CheckChange) => void>()
  #outputCharacters = 0
  /** Changes that are told at the end, by node and check. */
  #held: Map<string, CheckChange> | undefined

  constructor(hooks: CheckBookHooks) {
    this.#hooks = hooks
    this.#expiries = new Deadlines<CheckExpiry>(hooks.clock, (expiry) => this.#expire(expiry))
  }

  /** Characters of output that are kept now. */
  get outputCharacters(): number {
    return this.#outputCharacters
  }

  /** Begins what belongs to the checks of an owner. */
  attach(checks: readonly CheckRecord[], index: number): void {
    for (const check of checks) {
      if (check.createIndex === 0) check.createIndex = check.modifyIndex = index
      this.#outputCharacters += check.output.length
      if (check.spec.isUniqueOnNode === true) nodeOf(check.owner).checksById.set(check.id, check)
      if (isActive(check.kind)) this.#hooks.startCheck(check)
      if (check.spec.kind === 'ttl') {
        check.ttl = { ...NO_DEADLINE, check, kind: 'ttl' }
        this.#beat(check, check.spec.ttlMs)
      }
      if (check.spec.kind === 'alias') this.#startAlias(check, check.spec.node)
      this.#armReap(check)
    }
  }

  /** Ends what belongs to checks that nobody sees any more. `isReplaced`: one with the same id takes over in this turn. */
  detach(checks: readonly CheckRecord[], isReplaced: (id: string) => boolean = () => false): void {
    for (const check of checks) {
      this.#outputCharacters -= check.output.length
      if (check.ttl !== undefined) this.#expiries.clear(check.ttl)
      if (check.reap !== undefined) this.#expiries.clear(check.reap)
      if (isActive(check.kind)) this.#hooks.stopCheck(check)
      if (check.spec.kind === 'alias') this.#endAlias(check, check.spec.node)
      const { checksById, name } = nodeOf(check.owner)
      if (checksById.get(check.id) !== check) continue
      checksById.delete(check.id)
      if (!isReplaced(check.id)) this.#tell({ node: name, check: check.id, status: undefined })
    }
  }

  /** Takes the result of a check. Only a change of its status is a change: new output alone wakes nobody. */
  report(check: CheckRecord, report: CheckReport): void {
    const isChanged = check.status !== report.status
    this.#setResult(check, report)
    if (check.spec.kind === 'ttl') this.#beat(check, check.spec.ttlMs)
    if (isChanged) this.#noteStatus(check)
  }

  /** The owner's checks or what else makes it well have changed: what stands as it does follows. */
  onOwnerChanged(owner: CheckOwner): void {
    const aliases = this.#aliases.get(nodeOf(owner).name)
    if (aliases === undefined) return
    const idOnNode = owner instanceof InstanceRecord ? owner.idOnNode : undefined
    for (const alias of aliases) {
      if (alias.spec.kind !== 'alias') continue
      if (idOnNode === undefined || alias.spec.aliasOf === idOnNode) this.#evaluate(alias)
    }
  }

  onCheckChange(listener: (change: CheckChange) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** What happens to checks meanwhile is told as one change: whoever holds a lock by a check that moves to another record keeps it. */
  together<Result>(work: () => Result): Result {
    if (this.#held !== undefined) return work()
    const held = new Map<string, CheckChange>()
    this.#held = held
    try {
      return work()
    } finally {
      this.#held = undefined
      for (const { node, check } of held.values()) {
        const status = this.#hooks.node(node)?.checksById.get(check)?.status
        this.#tell({ node, check, status })
      }
    }
  }

  close(): void {
    this.#expiries.close()
    this.#listeners.clear()
  }

  #beat(check: CheckRecord, ttlMs: number): void {
    if (check.ttl !== undefined) {
      this.#expiries.set(check.ttl, this.#hooks.clock.monotonicMs() + ttlMs)
    }
  }

  #expire({ check, kind }: CheckExpiry): void {
    if (kind === 'critical-for-long') {
      this.#hooks.onCriticalForLong(check)
      return
    }
    const ttlMs = check.spec.kind === 'ttl' ? check.spec.ttlMs : 0
    const last = check.output === '' ? '' : ` Last output: ${check.output}`
    const isChanged = check.status !== 'critical'
    if (!isChanged) return
    const output = `TTL expired: no report within ${ttlMs} ms.${last}`
    this.#setResult(check, { status: 'critical', output, durationMs: 0 })
    this.#noteStatus(check)
  }

  #noteStatus(check: CheckRecord): void {
    this.#armReap(check)
    this.#hooks.onStatus(check)
    if (check.spec.isUniqueOnNode === true) {
      this.#tell({ node: nodeOf(check.owner).name, check: check.id, status: check.status })
    }
  }

  /** Counts from the moment in which it became critical. */
  #armReap(check: CheckRecord): void {
    const afterMs = check.spec.deregisterAfterMs
    if (afterMs === undefined) return
    if (check.status !== 'critical') {
      if (check.reap !== undefined) this.#expiries.clear(check.reap)
      return
    }
    check.reap ??= { ...NO_DEADLINE, check, kind: 'critical-for-long' }
    if (check.reap.place === -1) {
      this.#expiries.set(check.reap, this.#hooks.clock.monotonicMs() + afterMs)
    }
  }

  #setResult(check: CheckRecord, { status, output, durationMs }: CheckReport): void {
    this.#outputCharacters -= check.output.length
    const room = CHECK_OUTPUTS_CHARACTERS_MAX - this.#outputCharacters
    const max = room < CHECK_OUTPUT_CHARACTERS_MAX ? OUTPUT_START_CHARACTERS : undefined
    check.status = status
    check.output = output.slice(0, max ?? CHECK_OUTPUT_CHARACTERS_MAX)
    this.#outputCharacters += check.output.length
    check.durationMs = durationMs
    check.atMs = this.#hooks.clock.nowMs()
  }

  #startAlias(check: CheckRecord, node: string): void {
    let aliases = this.#aliases.get(node)
    if (aliases === undefined) this.#aliases.set(node, (aliases = new Set()))
    aliases.add(check)
    const found = this.#findAlias(check)
    check.status = found.status
    check.output = found.output
    this.#outputCharacters += check.output.length
  }

  #endAlias(check: CheckRecord, node: string): void {
    const aliases = this.#aliases.get(node)
    aliases?.delete(check)
    if (aliases?.size === 0) this.#aliases.delete(node)
  }

  #evaluate(alias: CheckRecord): void {
    const found = this.#findAlias(alias)
    // A change leads on to whoever stands as this one does; the worst of all is reached in a few steps and then nothing changes any more.
    if (found.status !== alias.status) this.report(alias, { ...found, durationMs: 0 })
  }

  #findAlias(check: CheckRecord): Pick<CheckReport, 'status' | 'output'> {
    const { spec } = check
    if (spec.kind !== 'alias') throw new TypeError('not an alias')
    const node = this.#hooks.node(spec.node)
    const nodeStatus = node === undefined ? undefined : statusOfNode(node)
    if (node === undefined || nodeStatus === undefined) {
      return { status: 'critical', output: `Node ${spec.node} is not there.` }
    }
    if (spec.aliasOf === undefined) return { status: nodeStatus, output: `As node ${spec.node}.` }
    const target = node.instances.get(spec.aliasOf)
    if (target === undefined) {
      return { status: 'critical', output: `Service ${spec.aliasOf} is not there.` }
    }
    const others = target.checks.filter((one) => one !== check)
    const isOut = target.override !== undefined && target.override !== 'up'
    const start = isOut || target.hasLapsed ? 'critical' : nodeStatus
    return { status: worstStatus(others, start), output: `As service ${spec.aliasOf}.` }
  }

  #tell(change: CheckChange): void {
    if (this.#held !== undefined) {
      this.#held.set(`${change.node}\n${change.check}`, change)
      return
    }
    for (const listener of this.#listeners) listener(change)
  }
}

/** The node of whoever owns a check. */
export function nodeOf(owner: CheckOwner): NodeRecord {
  return owner instanceof InstanceRecord ? owner.nodeRecord : owner
}
