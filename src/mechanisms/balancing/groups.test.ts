import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createPickContext } from './balancer.ts'
import { balancers } from './balancing.ts'
import { type Candidate, createCandidate } from './candidate.ts'
import { explainChoice } from './choice.ts'
import { CandidateGroups, type GroupRequest } from './groups.ts'

type Kind = keyof typeof balancers
type One = Candidate & { isFull: boolean }

function house(kind: Kind, ones: readonly Partial<One>[], random: () => number = () => 0.5) {
  const balancer = balancers[kind]<One>()
  const all = ones.map((change, i) => {
    const base = createCandidate({ id: `i${i}`, weight: 1, addedAtMs: -Infinity })
    return Object.assign({ ...base, isFull: false }, change)
  })
  for (const one of all) balancer.add(one)
  const context = createPickContext<One>(random)
  const groups = new CandidateGroups<One>()
  let nowMs = 0
  return {
    all,
    context,
    /** As the data plane does it: who is full is left out and another one is asked for. */
    pick(request: Partial<GroupRequest<One>> = {}, tried: readonly One[] = []) {
      context.nowMs = nowMs += 100
      context.mayPanic = true
      context.hash = kind === 'ring-hash' || kind === 'maglev' ? 7 : -1
      const excluded = [...tried]
      for (;;) {
        context.excluded = excluded
        const chosen = groups.pick(balancer, context, {
          subset: null,
          fallsBackToAny: false,
          panicShare: 0,
          hasRoom: ({ isFull }) => !isFull,
          ...request,
        })
        if (chosen === undefined || !chosen.isFull) return chosen
        excluded.push(chosen)
      }
    },
  }
}

const OUT = { ejectedUntilMs: Infinity }

test('a backup gets requests only where all others are ejected, blocked or tried', () => {
  const world = house('round-robin', [{}, {}, { isBackup: true }])
  const [a, b, backup] = world.all as [One, One, One]
  for (let i = 0; i < 20; i++) assert.notEqual(world.pick(), backup)
  a.isFull = true
  b.isFull = true
  assert.equal(world.pick(), undefined, 'who is full is there all the same')
  b.isFull = false
  a.isFull = false
  a.ejectedUntilMs = Infinity
  assert.equal(world.pick({}, [b]), backup)
  assert.match(explainChoice(world.context.choice), /a backup, since nobody else is left/)
  b.blockedUntilMs = Infinity
  assert.equal(world.pick(), backup)
  backup.ejectedUntilMs = Infinity
  assert.equal(world.pick(), a, 'all are bad: ejection is ignored, and backups are last')
})

test('a zone that is well has all of the load, and what it can not take goes elsewhere', () => {
  const shareOf = (out: number): number => {
    const own = Array.from({ length: 10 }, (_, i) => (i < out ? OUT : {}))
    const far = Array.from({ length: 10 }, () => ({ level: 1 }))
    let turn = 0
    const world = house('round-robin', [...own, ...far], () => (turn++ % 1_000) / 1_000)
    let near = 0
    for (let i = 0; i < 1_000; i++) near += Number(world.pick()!.level === 0)
    return Math.round(near / 10)
  }
  // Envoy's table of priority levels, as in priority-levels.test.ts.
  assert.deepEqual([0, 2, 5, 10].map(shareOf), [100, 100, 70, 0])
})

test('where the best level has no room the next has', () => {
  const world = house('least-requests', [{ isFull: true }, { level: 1 }])
  assert.equal(world.pick(), world.all[1])
  assert.match(explainChoice(world.context.choice), /of a lower priority/)
  world.all[0]!.isFull = false
  assert.equal(world.pick(), world.all[0])
})

test('a subset is chosen by its value; where it is missing, nobody or anybody', () => {
  const world = house('peak-ewma', [{ subset: 'v1' }, { subset: 'v2' }, {}])
  assert.equal(world.pick({ subset: 'v2' }), world.all[1])
  assert.equal(world.pick({ subset: 'v2' }, [world.all[1]!]), undefined)
  assert.equal(world.pick({ subset: 'v3' }), undefined)
  assert.ok(world.pick({ subset: 'v3', fallsBackToAny: true }))
  assert.equal(world.pick({ subset: 'v2', fallsBackToAny: true }, [world.all[1]!]), undefined)
  world.all[1]!.ejectedUntilMs = Infinity
  assert.equal(world.pick({ subset: 'v2' }), world.all[1], 'better an ejected one than another')
})

test('below the panic threshold ejection is ignored', () => {
  const world = house('round-robin', [OUT, OUT, OUT, {}])
  const seen = (panicShare: number) =>
    new Set(Array.from({ length: 40 }, () => world.pick({ panicShare }))).size
  assert.equal(seen(0), 1)
  assert.equal(seen(0.25), 1)
  assert.equal(seen(0.5), 4)
  assert.equal(world.context.choice.isPanic, true)
})

test('with every algorithm: never an excluded one, one of the subset, and backups last', () => {
  const one = fc.record({
    level: fc.nat(2),
    isBackup: fc.boolean(),
    subset: fc.constantFrom('', 'v1', 'v2'),
    isFull: fc.boolean(),
    ejectedUntilMs: fc.constantFrom(0, Infinity),
    blockedUntilMs: fc.constantFrom(0, 0, Infinity),
  })
  fc.assert(
    fc.property(
      fc.constantFrom(...(Object.keys(balancers) as Kind[])),
      fc.array(one, { maxLength: 8 }),
      fc.constantFrom(null, 'v1'),
      fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      (kind, ones, subset, chance) => {
        const world = house(kind, ones, () => chance)
        const chosen = world.pick({ subset })
        const wanted = world.all.filter((c) => subset === null || c.subset === subset)
        const open = wanted.filter(({ blockedUntilMs }) => blockedUntilMs === 0)
        const well = open.filter(({ ejectedUntilMs }) => ejectedUntilMs === 0)
        const primaries = well.filter(({ isBackup }) => !isBackup)
        if (chosen !== undefined) {
          assert.ok(open.includes(chosen) && !chosen.isFull)
          if (chosen.isBackup) assert.equal(primaries.length, 0)
          if (chosen.ejectedUntilMs !== 0) {
            assert.ok(primaries.length === 0 && well.every(({ isFull }) => isFull))
          }
        }
        if (primaries.some(({ isFull }) => !isFull))
          assert.ok(chosen !== undefined && primaries.includes(chosen))
      },
    ),
    { numRuns: 1_000 },
  )
})

test('a level that has only just come is asked at once, when the others have nobody', () => {
  const balancer = balancers['round-robin']<Candidate>()
  const groups = new CandidateGroups<Candidate>()
  const context = createPickContext<Candidate>(() => 0.5)
  const pick = (): Candidate | undefined => {
    context.nowMs = 1_000
    context.mayPanic = true
    const request = { subset: null, fallsBackToAny: true, panicShare: 0, hasRoom: () => true }
    return groups.pick(balancer, context, request)
  }
  const [near, far] = [1, 2].map((level) => {
    const one = createCandidate({ id: `i${level}`, weight: 1, addedAtMs: -Infinity })
    return Object.assign(one, { level })
  }) as [Candidate, Candidate]
  balancer.add(near)
  assert.equal(pick(), near)
  balancer.add(far)
  balancer.remove(near)
  assert.equal(pick(), far)
})
