import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createPickContext } from './balancer.ts'
import { candidateOf, createRandom } from './balancing.contract.ts'
import { balancers } from './balancing.ts'
import { createCandidateSet } from './candidate-set.ts'
import type { Candidate } from './candidate.ts'
import { createCandidate, stickyValueOf } from './candidate.ts'
import { copyChoice, createChoice, explainChoice } from './choice.ts'
import { sipHash24, stickyValue } from './sticky-value.ts'

function setUp(name: keyof typeof balancers, candidates: readonly Candidate[]) {
  const balancer = balancers[name]<Candidate>()
  for (const candidate of candidates) balancer.add(candidate)
  const context = createPickContext<Candidate>(createRandom(11))
  context.nowMs = 1_000_000
  return { balancer, context }
}

test('round robin is as smooth as a wheel', () => {
  const { balancer, context } = setUp('round-robin', [
    candidateOf('a', 5),
    candidateOf('b'),
    candidateOf('c'),
  ])
  const turns = Array.from({ length: 14 }, () => balancer.pick(context)?.id).join('')
  assert.equal(turns, 'aaabcaaaaabcaa')
})

test('in round robin nobody is ever a whole turn from its fair part', () => {
  const weights = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(weights, (all) => {
      const candidates = all.map((weight, i) => candidateOf(`i${i}`, weight))
      const { balancer, context } = setUp('round-robin', candidates)
      const total = all.reduce((sum, weight) => sum + weight, 0)
      const counts = new Map<Candidate, number>()
      for (let picks = 1; picks <= 3 * total; picks++) {
        const chosen = balancer.pick(context)!
        counts.set(chosen, (counts.get(chosen) ?? 0) + 1)
        for (const one of candidates) {
          const fair = (picks * one.weight) / total
          const apart = Math.abs((counts.get(one) ?? 0) - fair)
          assert.ok(apart <= 1 + (one.weight / total) * all.length, `${apart} turns apart`)
        }
        if (picks % total === 0) {
          for (const one of candidates) assert.equal(counts.get(one), (picks / total) * one.weight)
        }
      }
    }),
    { numRuns: 100 },
  )
})

test('one that comes back or is new in round robin has no turns to catch up', () => {
  const [a, b] = [candidateOf('a'), candidateOf('b')]
  const { balancer, context } = setUp('round-robin', [a, b])
  b.ejectedUntilMs = context.nowMs + 1
  for (let i = 0; i < 1000; i++) assert.equal(balancer.pick(context), a)
  context.nowMs += 2
  balancer.add(candidateOf('c'))
  const turns = Array.from({ length: 30 }, () => balancer.pick(context)!.id)
  for (const id of ['a', 'b', 'c']) {
    const count = turns.filter((one) => one === id).length
    assert.ok(count >= 9 && count <= 11, `${id} had ${count} of 30`)
  }
})

test('least requests takes the one with the fewest for its weight', () => {
  const [a, b, c] = [candidateOf('a', 1), candidateOf('b', 4), candidateOf('c', 1)]
  const { balancer, context } = setUp('least-requests', [a, b, c])
  Object.assign(a, { inFlight: 2 })
  Object.assign(b, { inFlight: 5 })
  Object.assign(c, { inFlight: 3 })
  assert.equal(balancer.pick(context), b)
  assert.match(
    explainChoice(context.choice),
    /^5 in flight, weight 4 beat [ac] \([23], weight 1\)$/,
  )
})

test('a sticky cookie is kept, and set anew when its instance cannot be used', () => {
  const candidates = ['a', 'b', 'c'].map((id) => candidateOf(id))
  const { balancer, context } = setUp('sticky-cookie', candidates)
  context.sticky = stickyValueOf(candidates[1]!)
  for (let i = 0; i < 50; i++) assert.equal(balancer.pick(context), candidates[1])
  assert.equal(context.setsSticky, false)
  candidates[1]!.ejectedUntilMs = Infinity
  assert.notEqual(balancer.pick(context), candidates[1])
  assert.equal(context.setsSticky, true)
  assert.match(explainChoice(context.choice), /^no usable sticky cookie; ewma/)
  balancer.remove(candidates[1]!)
  context.sticky = 'nonsense'
  assert.ok(balancer.pick(context) !== undefined && context.setsSticky)
})

test('a new one in peak ewma is neither starved nor flooded', () => {
  const candidates = ['a', 'b', 'c', 'new'].map((id) => candidateOf(id))
  const { balancer, context } = setUp('peak-ewma', candidates)
  for (const one of candidates.slice(0, 3)) {
    for (let i = 0; i < 50; i++) balancer.observe(one, 20, context.nowMs - 1, true)
  }
  let taken = 0
  for (let i = 0; i < 64; i++) {
    const chosen = balancer.pick(context)!
    chosen.inFlight++
    if (chosen.id === 'new') taken++
  }
  assert.ok(taken >= 12 && taken <= 20, `${taken} of 64`)
})

test('failing at once does not look fast', () => {
  const [good, bad] = [candidateOf('good'), candidateOf('bad')]
  const { balancer, context } = setUp('peak-ewma', [good, bad])
  balancer.observe(good, 20, context.nowMs, true)
  balancer.observe(bad, 0.1, context.nowMs, false)
  for (let i = 0; i < 20; i++) assert.equal(balancer.pick(context), good)
  assert.equal(explainChoice(context.choice), 'ewma 20.0 ms x 1 beat bad (200.0 ms x 1)')
})

test('what peak ewma says it compared is what it compared', () => {
  const candidate = fc.record({
    latencyMs: fc.integer({ min: 1, max: 500 }),
    idleMs: fc.integer({ min: 0, max: 60_000 }),
    inFlight: fc.integer({ min: 0, max: 5 }),
  })
  fc.assert(
    fc.property(fc.array(candidate, { minLength: 2, maxLength: 4 }), (states) => {
      const candidates = states.map((_, at) => candidateOf(String(at)))
      const { balancer, context } = setUp('peak-ewma', candidates)
      context.nowMs += 60_000
      for (const [at, one] of candidates.entries()) {
        const { latencyMs, idleMs, inFlight } = states[at]!
        balancer.observe(one, latencyMs, context.nowMs - idleMs, true)
        one.inFlight = inFlight
      }
      balancer.pick(context)
      const text = explainChoice(context.choice)
      const [, ms, count, otherMs, otherCount] =
        /^ewma ([\d.]+) ms x (\d) beat \d \(([\d.]+) ms x (\d)\)$/.exec(text) ?? []
      assert.ok(Number(ms) * Number(count) <= Number(otherMs) * Number(otherCount) + 0.5, text)
    }),
  )
})

test('a choice is told in one sentence and outlives the next pick', () => {
  const { balancer, context } = setUp('round-robin', [candidateOf('a', 2), candidateOf('b')])
  balancer.pick(context)
  const kept = createChoice()
  copyChoice(context.choice, kept)
  assert.deepEqual(kept, context.choice)
  balancer.pick(context)
  assert.equal(explainChoice(kept), 'its turn (weight 2)')
  kept.isPanic = true
  assert.match(explainChoice(kept), /every instance left is ejected/)
})

test('SipHash-2-4 gives its authors values', () => {
  const key = Uint8Array.from({ length: 16 }, (_, i) => i)
  assert.equal(
    sipHash24(
      Uint8Array.from({ length: 15 }, (_, i) => i),
      key,
    ),
    0xa129ca6149be45e5n,
  )
  assert.equal(sipHash24(new Uint8Array(), key), 0x726fdb47dd0e0e31n)
})

test('a sticky value shows nothing of the id and needs a real key', () => {
  assert.match(stickyValue('10.0.0.5:8080'), /^[0-9a-f]{16}$/)
  assert.equal(stickyValue('a'), stickyValue('a'))
  assert.notEqual(stickyValue('a'), stickyValue('a', new Uint8Array(16)))
  assert.throws(() => stickyValue('a', new Uint8Array(15)), RangeError)
  const stickyKey = new Uint8Array(16)
  assert.equal(
    stickyValueOf(createCandidate({ id: 'a', weight: 1, addedAtMs: 0, stickyKey })),
    stickyValue('a', stickyKey),
  )
})

test('the set draws what a list of weights would', () => {
  const weights = fc.array(fc.integer({ min: 1, max: 1000 }), { maxLength: 100 })
  fc.assert(
    fc.property(
      weights,
      fc.array(fc.nat(99)),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (all, gone, share) => {
        const set = createCandidateSet<Candidate>()
        const candidates = all.map((weight, i) => candidateOf(`i${i}`, weight))
        for (const one of candidates) set.add(one)
        for (const index of gone) if (candidates[index] !== undefined) set.remove(candidates[index])
        const total = set.items.reduce((sum, one) => sum + one.weight, 0)
        assert.equal(set.totalWeight, total)
        const point = Math.floor(share * total)
        let passed = 0
        const expected = set.items.find((one) => (passed += one.weight) > point)
        assert.equal(set.at(point), expected)
      },
    ),
  )
})
