import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createCountMemory, createPlaces, openKeyedCounts, PLACE } from './counts.ts'
import { startHammer } from './testing/threads.ts'

const INSTANCE = 5

test('any order of taking, giving and dying: the total is what the living hold, never above the limit', () => {
  const step = fc.record({
    kind: fc.constantFrom('take', 'take', 'give', 'die'),
    worker: fc.nat(2),
    place: fc.nat(3),
  })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step), (max, steps) => {
      const memory = createCountMemory(3, 4)
      const workers = [0, 1, 2].map((index) => openKeyedCounts(memory, index))
      const held = [0, 1, 2].map(() => [0, 0, 0, 0])
      for (const { kind, worker, place } of steps) {
        const sum = held.reduce((total, own) => total + own[place]!, 0)
        if (kind === 'take') {
          assert.equal(workers[worker]!.take(place, max), sum < max)
          if (sum < max) held[worker]![place]!++
        } else if (kind === 'die') {
          workers[0]!.release(worker)
          held[worker]!.fill(0)
        } else if (held[worker]![place]! > 0) {
          workers[worker]!.give(place)
          held[worker]![place]!--
        }
        for (let at = 0; at < 4; at++) {
          assert.equal(
            workers[0]!.total(at),
            held.reduce((total, own) => total + own[at]!, 0),
          )
          assert.equal(workers[worker]!.own(at), held[worker]![at])
        }
      }
    }),
  )
})

test('threads that fight for one place are never above its limit, and give all back', async () => {
  const memory = createCountMemory(4, 8)
  const threads = await Promise.all(
    [0, 1, 2, 3].map((index) =>
      startHammer({ kind: 'counts', memory, index, place: INSTANCE, max: 2, rounds: 200_000 }),
    ),
  )
  const reports = await Promise.all(threads.map((thread) => thread.begin()))
  assert.deepEqual(
    reports.map(({ above }) => above),
    [0, 0, 0, 0],
  )
  assert.equal(openKeyedCounts(memory, 0).total(INSTANCE), 0)
})

test('what a thread held that was ended wherever it was is given back exactly', async () => {
  const memory = createCountMemory(2, 8)
  const main = openKeyedCounts(memory, 0)
  assert.equal(main.take(INSTANCE, 3), true)
  for (let round = 0; round < 25; round++) {
    const thread = await startHammer({
      kind: 'counts',
      memory,
      index: 1,
      place: INSTANCE,
      max: 3,
      rounds: Infinity,
    })
    thread.beginOnly()
    while (main.total(INSTANCE) < 2) await new Promise((resolve) => void setImmediate(resolve))
    await thread.kill()
    main.release(1)
    assert.equal(main.total(INSTANCE), 1, `round ${round}`)
  }
})

// What is left in memory by a worker that was ended between the two steps of a change, written by hand: which of them was done is not to be seen.
test('a change that was cut in the middle is put right, also when two died in it', () => {
  for (const step of ['nothing', 'total', 'both'] as const) {
    const memory = createCountMemory(3, 8)
    const [alive, ...dead] = [0, 1, 2].map((index) => openKeyedCounts(memory, index))
    alive!.take(INSTANCE, 9)
    for (const counts of dead) for (let i = 0; i < 2; i++) counts.take(INSTANCE, 9)
    const words = new Int32Array(memory)
    const place = words[6]!
    for (const index of [1, 2]) {
      words[1 + index * 3 + 1]!++
      if (step !== 'nothing') words[place]!++
      if (step === 'both') words[place + 3 + index]!++
    }
    alive!.release(1)
    alive!.release(2)
    assert.equal(alive!.total(INSTANCE), 1, step)
    alive!.give(INSTANCE)
    assert.equal(alive!.total(INSTANCE), 0)
  }
})

test('a worker that waits for a place is woken when another gives one, and when another dies', async () => {
  const memory = createCountMemory(40, 8)
  const [first, last, main] = [0, 39, 1].map((index) => openKeyedCounts(memory, index))
  for (const free of [() => first!.give(INSTANCE), () => main!.release(0)]) {
    assert.equal(first!.take(INSTANCE, 1), true)
    const woken = new Promise<void>((resolve) => {
      const stop = last!.onWake(() => {
        stop()
        resolve()
      })
    })
    last!.waitFor(INSTANCE)
    assert.equal(last!.take(INSTANCE, 1), false)
    free()
    const alive = setInterval(() => {}, 1_000)
    await woken
    clearInterval(alive)
    assert.equal(last!.take(INSTANCE, 1), true)
    last!.give(INSTANCE)
  }
})

test('who does not wait is not woken, and who was woken once is not woken again until it asks', async () => {
  const memory = createCountMemory(2, 8)
  const [mine, other] = [0, 1].map((index) => openKeyedCounts(memory, index))
  const words = new Int32Array(memory)
  const wakeWords = (): readonly number[] => [words[1]!, words[4]!]
  mine!.take(INSTANCE, 3)
  mine!.take(INSTANCE, 3)
  mine!.take(INSTANCE, 3)
  mine!.give(INSTANCE)
  assert.deepEqual(wakeWords(), [0, 0])
  other!.waitFor(INSTANCE)
  mine!.give(PLACE.requests + 1)
  assert.deepEqual(wakeWords(), [0, 0])
  mine!.give(INSTANCE)
  mine!.give(INSTANCE)
  assert.deepEqual(wakeWords(), [0, 1])
})

test('a key keeps its place; one that was dropped is used again once nothing is counted there', () => {
  const counts = openKeyedCounts(createCountMemory(1, 6), 0)
  const places = createPlaces(counts, 6)
  const [a, b, c] = ['a', 'b', 'c'].map((key) => places.of(key))
  assert.deepEqual([a, b, c, places.of('a')], [3, 4, 5, 3])
  assert.equal(places.of('d'), -1)
  counts.take(b!, 1)
  places.drop('b')
  places.drop('constructor')
  assert.equal(places.of('d'), -1)
  counts.give(b!)
  assert.equal(places.of('d'), b)
  assert.equal(places.count, 3)
})

test('refuses more workers than a place has bits for', () => {
  assert.throws(() => createCountMemory(65), RangeError)
})
