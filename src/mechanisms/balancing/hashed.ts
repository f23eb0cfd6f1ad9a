import type { Balancer, PickContext } from './balancer.ts'
import type { Candidate } from './candidate.ts'
import { noteChoice } from './choice.ts'
import { isEligible, pickOrPanic } from './eligible.ts'
import { type BuildTable, buildMaglev, buildRing, type HashTable } from './hash-table.ts'
import { createPeakEwma } from './peak-ewma.ts'

/** Positions that a key is carried on over before peak EWMA chooses: enough to meet every other candidate of a small set. */
const WALK_MAX = 4_096

/** The ring hash of `buildRing`. */
export function createRingHash<C extends Candidate>(): Balancer<C> {
  return createHashed<C>(buildRing)
}

/** The Maglev table of `buildMaglev`. */
export function createMaglev<C extends Candidate>(): Balancer<C> {
  return createHashed<C>(buildMaglev)
}

/**
 * One key, one candidate (`context.hash`), with bounded load (Mirrokni, Thorup and Zadimoghaddam, 2016): who has a quarter more in flight than its part, or cannot be
 * chosen, hands its keys on to the next ones in the table until it can again. A request without a key is balanced by peak EWMA. The table is built when it is first needed after a change.
 */
function createHashed<C extends Candidate>(build: BuildTable): Balancer<C> {
  const others = createPeakEwma<C>()
  let owners: readonly C[] = []
  let table: HashTable | undefined

  function choose(context: PickContext<C>): C | undefined {
    if (table === undefined) {
      owners = others.candidates.slice()
      table = build(owners)
    }
    const size = table.owners.length
    if (size === 0) return undefined
    let at = table.start(context.hash)
    let first: C | undefined
    let last = -1
    for (let steps = Math.min(size, WALK_MAX); steps > 0; steps--) {
      const index = table.owners[at]!
      at = at + 1 === size ? 0 : at + 1
      if (index === last) continue
      last = index
      const candidate = owners[index]!
      if (candidate === first || !isEligible(context, candidate)) continue
      if (isBelowBound(candidate, owners, context.loadFactor)) return note(context, candidate)
      first ??= candidate
    }
    return first === undefined ? undefined : note(context, first)
  }

  function note(context: PickContext<C>, candidate: C): C {
    noteChoice(context.choice, owners.length === 1 ? 'only' : 'hash', candidate, undefined)
    return candidate
  }

  return {
    candidates: others.candidates,
    add(candidate) {
      others.add(candidate)
      table = undefined
    },
    remove(candidate) {
      others.remove(candidate)
      table = undefined
    },
    reweigh(candidate, weight) {
      others.reweigh(candidate, weight)
      table = undefined
    },
    pick(context) {
      if (context.hash < 0) return others.pick(context)
      return pickOrPanic(context, choose) ?? others.pick(context)
    },
    observe: (candidate, latencyMs, nowMs, ok) => others.observe(candidate, latencyMs, nowMs, ok),
  }
}

/** Idle ones always are; so the sum over all is made only where something is in flight. */
function isBelowBound(candidate: Candidate, all: readonly Candidate[], factor: number): boolean {
  if (candidate.inFlight === 0) return true
  let inFlight = 1
  let weight = 0
  for (const one of all) {
    inFlight += one.inFlight
    weight += one.weight
  }
  return candidate.inFlight < Math.ceil((factor * inFlight * candidate.weight) / weight)
}
