import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPickContext } from './balancer.ts'
import { candidateOf, createRandom } from './balancing.contract.ts'
import { balancers } from './balancing.ts'
import type { Candidate } from './candidate.ts'
import { explainChoice } from './choice.ts'

const KEYS = 20_000
const random = createRandom(5)
const keys = Array.from({ length: KEYS }, () => Math.floor(random() * 2 ** 32))

function setUp(name: 'ring-hash' | 'maglev', candidates: readonly Candidate[]) {
  const balancer = balancers[name]<Candidate>()
  for (const candidate of candidates) balancer.add(candidate)
  const context = createPickContext<Candidate>(createRandom(3))
  const of = (hash: number): Candidate | undefined => {
    context.hash = hash
    return balancer.pick(context)
  }
  return { balancer, context, of }
}

for (const name of ['ring-hash', 'maglev'] as const) {
  test(`${name} spreads keys by weight, the same in every worker and in any order`, () => {
    const weights = [1, 2, 3, 4, 1, 2, 3, 4]
    const make = (): Candidate[] => weights.map((weight, i) => candidateOf(`i${i}`, weight))
    const one = setUp(name, make())
    const other = setUp(name, make().toReversed())
    const counts = new Map<string, number>()
    for (const key of keys) {
      const { id } = one.of(key)!
      counts.set(id, (counts.get(id) ?? 0) + 1)
      assert.equal(other.of(key)!.id, id)
    }
    for (const [i, weight] of weights.entries()) {
      const fair = (KEYS * weight) / 20
      assert.ok(
        Math.abs(counts.get(`i${i}`)! - fair) < 0.25 * fair,
        `${counts.get(`i${i}`)} ${fair}`,
      )
    }
  })

  test(`${name} moves hardly a key that it need not when one goes and comes back`, () => {
    const candidates = Array.from({ length: 10 }, (_, i) => candidateOf(`i${i}`))
    const { balancer, of } = setUp(name, candidates)
    const before = keys.map((key) => of(key)!)
    const [gone] = candidates
    balancer.remove(gone!)
    const after = keys.map((key) => of(key)!)
    const moved = before.filter((one, i) => one !== gone && one !== after[i]).length
    assert.ok(moved <= (name === 'ring-hash' ? 0 : 0.06 * KEYS), `${moved} moved`)
    balancer.add(gone!)
    const again = keys.filter((key, i) => of(key) !== before[i]).length
    assert.ok(again <= (name === 'ring-hash' ? 0 : 0), `${again} did not come back`)
  })

  test(`${name} hands on what is ejected, tried or too full, and no other key`, () => {
    const candidates = Array.from({ length: 5 }, (_, i) => candidateOf(`i${i}`))
    const { context, of } = setUp(name, candidates)
    const before = keys.slice(0, 500).map((key) => of(key)!)
    assert.equal(explainChoice(context.choice), 'by the hash of its key')
    const full = candidates[2]!
    full.inFlight = 3
    candidates[0]!.ejectedUntilMs = 1
    for (const [i, key] of keys.slice(0, 500).entries()) {
      const now = of(key)!
      const must = before[i] === full || before[i] === candidates[0]
      assert.ok(must ? now !== full && now !== candidates[0] : now === before[i])
    }
    for (const one of candidates) one.inFlight = 3
    assert.equal(of(keys[1]!)!.inFlight, 3, 'all alike: nobody is too full')
    context.excluded = candidates
    assert.equal(of(keys[0]!), undefined)
    context.excluded = candidates.slice(1)
    assert.equal(of(keys[0]!), undefined, 'the last one is ejected')
    context.mayPanic = true
    assert.equal(of(keys[0]!), candidates[0])
  })

  test(`${name} takes ten thousand candidates and a key`, () => {
    const candidates = Array.from({ length: 10_000 }, (_, i) =>
      candidateOf(`i${i}`, 1 + (i % 1000)),
    )
    const { of } = setUp(name, candidates)
    assert.equal(of(7), of(7))
    assert.equal(setUp(name, []).of(7), undefined)
  })
}
