import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PickContext } from './balancer.ts'
import { createPickContext } from './balancer.ts'
import { balancers } from './balancing.ts'
import type { Candidate } from './candidate.ts'
import { createCandidate } from './candidate.ts'

export type BalancerName = keyof typeof balancers

/** A reproducible source of chance (Park and Miller's minimal standard). */
export function createRandom(seed: number): () => number {
  let state = seed
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
}

export function candidateOf(id: string, weight = 1, addedAtMs = -Infinity): Candidate {
  return createCandidate({ id, weight, addedAtMs })
}

/** Picks `count` times, each answered at once after 1 ms; how often each was chosen. */
export function countPicks(
  pick: () => Candidate | undefined,
  count: number,
): Map<string | undefined, number> {
  const counts = new Map<string | undefined, number>()
  for (let i = 0; i < count; i++) {
    const id = pick()?.id
    counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  return counts
}

function setUp(name: BalancerName, candidates: readonly Candidate[]) {
  const balancer = balancers[name]<Candidate>()
  for (const candidate of candidates) balancer.add(candidate)
  const context: PickContext = createPickContext(createRandom(7))
  context.nowMs = 1_000_000
  return { balancer, context, pick: () => balancer.pick(context) }
}

/** What every balancing algorithm promises. */
export function testBalancer(name: BalancerName): void {
  test(`${name} has nothing to choose from nothing`, () => {
    const { pick, context } = setUp(name, [])
    context.mayPanic = true
    assert.equal(pick(), undefined)
    assert.equal(context.choice.rule, 'none')
  })

  test(`${name} chooses the only one, again and again`, () => {
    const { pick, context } = setUp(name, [candidateOf('a')])
    for (let i = 0; i < 100; i++) assert.equal(pick()?.id, 'a')
    assert.equal(context.choice.chosenId, 'a')
    assert.equal(context.choice.rule, 'only')
  })

  test(`${name} never chooses an excluded one, and an ejected one only in panic`, () => {
    checkEligibility(name)
  })

  for (const weights of [
    [1, 1, 1, 1],
    [1, 2, 5],
    [1, 3],
    Array.from({ length: 40 }, (_, i) => 1 + (i % 4)),
  ]) {
    test(`${name} spreads by weight: ${weights.slice(0, 8).join(', ')}`, () =>
      checkSpread(name, weights))
  }

  test(`${name} gives one in slow start a small and rising share`, () => checkSlowStart(name))

  test(`${name} gives many in slow start their share of a large set`, () => {
    const candidates = Array.from({ length: 60 }, (_, i) =>
      candidateOf(`i${i}`, 4, i < 30 ? 1_000_000 : -Infinity),
    )
    const { pick, context } = setUp(name, candidates)
    context.slowStartMs = 10_000
    const counts = countPicks(pick, 20_000)
    const isNew = (id: string | undefined) => Number(id?.slice(1)) < 30
    const picks = [...counts].reduce((sum, [id, count]) => sum + (isNew(id) ? count : 0), 0)
    assert.ok(
      picks > 1000 && picks < 2700,
      `${picks} of 20,000, and ${Math.round(20_000 / 11)} is fair`,
    )
  })

  test(`${name} stays quick with 10,000 candidates, half of them ejected`, () => {
    const candidates = Array.from({ length: 10_000 }, (_, i) => candidateOf(`i${i}`, 1 + (i % 3)))
    for (let i = 0; i < 10_000; i += 2) candidates[i]!.ejectedUntilMs = Infinity
    const { pick, balancer } = setUp(name, candidates)
    const counts = countPicks(pick, 20_000)
    assert.ok(counts.size > 3000)
    for (const id of counts.keys()) assert.equal(Number(id?.slice(1)) % 2, 1)
    for (const candidate of candidates) balancer.remove(candidate)
    assert.equal(balancer.candidates.length, 0)
    assert.equal(pick(), undefined)
  })

  test(`${name} follows additions, removals and weights`, () => checkChanges(name))
}

function checkEligibility(name: BalancerName): void {
  const state = fc.constantFrom('free', 'excluded', 'ejected', 'both')
  fc.assert(
    fc.property(
      fc.array(state, { minLength: 1, maxLength: 40 }),
      fc.boolean(),
      (states, mayPanic) => {
        const candidates = states.map((_, i) => candidateOf(`i${i}`, 1 + (i % 3)))
        const { pick, context } = setUp(name, candidates)
        for (const [i, one] of states.entries()) {
          if (one === 'ejected' || one === 'both') candidates[i]!.ejectedUntilMs = context.nowMs + 1
        }
        const at = (index: number) => states[index] ?? 'free'
        context.excluded = candidates.filter((_, i) => at(i) === 'excluded' || at(i) === 'both')
        context.mayPanic = mayPanic
        const expected = states.includes('free')
          ? 'free'
          : mayPanic && states.includes('ejected')
            ? 'ejected'
            : undefined
        for (let i = 0; i < 5; i++) {
          const chosen = pick()
          assert.equal(
            chosen === undefined ? undefined : states[candidates.indexOf(chosen)],
            expected,
          )
          assert.equal(context.choice.isPanic, expected === 'ejected')
          assert.equal(context.choice.rule === 'none', expected === undefined)
        }
      },
    ),
    { numRuns: 300 },
  )
}

function checkSpread(name: BalancerName, weights: readonly number[]): void {
  const candidates = weights.map((weight, i) => candidateOf(`i${i}`, weight))
  const { pick, balancer, context } = setUp(name, candidates)
  const picks = 40_000
  const counts = countPicks(() => {
    const chosen = pick()
    context.nowMs += 1
    if (chosen !== undefined) balancer.observe(chosen, 5 + context.random(), context.nowMs, true)
    return chosen
  }, picks)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  for (const [i, weight] of weights.entries()) {
    const share = (counts.get(`i${i}`) ?? 0) / picks
    const fair = weight / total
    assert.ok(
      Math.abs(share - fair) < 0.25 * fair,
      `i${i}: ${share} of the picks, and ${fair} is fair`,
    )
  }
}

function checkSlowStart(name: BalancerName): void {
  const now = 1_000_000
  const shares = [0, 5000, 10_000].map((ageMs) => {
    const candidates = ['a', 'b', 'c'].map((id) => candidateOf(id, 4))
    candidates.push(candidateOf('new', 4, now - ageMs))
    const { pick, context } = setUp(name, candidates)
    context.slowStartMs = 10_000
    return (countPicks(pick, 20_000).get('new') ?? 0) / 20_000
  })
  assert.ok(shares[0]! > 0.005 && shares[0]! < 0.06, `at the start ${shares[0]}`)
  assert.ok(shares[1]! > 0.1 && shares[1]! < 0.19, `half way ${shares[1]}`)
  assert.ok(shares[2]! > 0.22 && shares[2]! < 0.28, `at the end ${shares[2]}`)
}

function checkChanges(name: BalancerName): void {
  const change = fc.tuple(
    fc.constantFrom('add', 'remove', 'reweigh', 'pick'),
    fc.nat(29),
    fc.integer({ min: 1, max: 9 }),
  )
  fc.assert(
    fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
      const candidates = Array.from({ length: 30 }, (_, i) => candidateOf(`i${i}`))
      const { balancer, pick } = setUp(name, [])
      const present = new Set<Candidate>()
      for (const [what, index, weight] of changes) {
        const candidate = candidates[index]!
        if (what === 'add') {
          balancer.add(candidate)
          present.add(candidate)
        } else if (what === 'remove') {
          balancer.remove(candidate)
          present.delete(candidate)
        } else if (what === 'reweigh') {
          balancer.reweigh(candidate, weight)
          assert.equal(candidate.weight, weight)
        } else {
          const chosen = pick()
          assert.ok(present.size === 0 ? chosen === undefined : present.has(chosen!))
        }
        assert.equal(balancer.candidates.length, present.size)
      }
      assert.deepEqual(new Set(balancer.candidates), present)
    }),
    { numRuns: 300 },
  )
}
