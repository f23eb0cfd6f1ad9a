import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ChunkCorruptError } from './bits.ts'
import { countSamples, decodeFloatChunk } from './float-chunk.ts'
import { CHUNK_BYTES_MAX, CHUNK_SAMPLES_MAX, OpenChunks } from './open-chunks.ts'

/** Halves of any double: every NaN, both zeros, denormals. */
const halves = fc.tuple(fc.integer(), fc.integer())
const plain = fc
  .oneof(
    fc.double(),
    fc.integer({ min: 0, max: 1000 }),
    fc.constantFrom(0, 1, -0, NaN, Infinity, -Infinity, Number.MAX_VALUE, Number.MIN_VALUE),
  )
  .map(halvesOf)
const steps = fc.oneof(
  fc.constant(15_000),
  fc.integer({ min: 1, max: 20_000 }),
  fc.constantFrom(1, 8_191, 8_192, 8_193, 65_536, 65_537, 524_288, 524_289, 2 ** 31, 2 ** 40),
)
const samples = fc.array(fc.tuple(steps, fc.oneof(plain, halves)), { minLength: 1, maxLength: 300 })
const starts = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 41 }),
  fc.constantFrom(0, -1, -(2 ** 40), 2 ** 50),
)

function halvesOf(value: number): [number, number] {
  const words = new Int32Array(new Float64Array([value]).buffer)
  return [words[1]!, words[0]!]
}

function decoded(chunk: Uint8Array): readonly (readonly [number, number, number])[] {
  const count = countSamples(chunk)
  const times = new Float64Array(count)
  const bits = new Uint32Array(count * 2)
  assert.equal(decodeFloatChunk(chunk, times, bits, 0), count)
  return Array.from(times, (time, at) => [time, bits[2 * at + 1]! | 0, bits[2 * at]! | 0])
}

test('what goes into chunks comes out bit by bit, and a full chunk says so', () => {
  fc.assert(
    fc.property(starts, samples, (start, given) => {
      const chunks = new OpenChunks()
      // A neighbour on both sides must not be touched.
      const before = chunks.open()
      const slot = chunks.open()
      const behind = chunks.open()
      chunks.append(before, 1, 7, 7)
      chunks.append(behind, 2, 8, 8)
      let time = start
      const kept: [number, number, number][] = []
      for (const [step, [high, low]] of given) {
        time += step
        if (!chunks.append(slot, time, high, low)) break
        kept.push([time, high, low])
      }
      assert.ok(kept.length === given.length || kept.length >= 12)
      assert.ok(kept.length <= CHUNK_SAMPLES_MAX && chunks.chunkBytes(slot) <= CHUNK_BYTES_MAX)
      assert.deepEqual(decoded(chunks.chunk(slot)), kept)
      assert.deepEqual(decoded(chunks.chunk(before)), [[1, 7, 7]])
      assert.deepEqual(decoded(chunks.chunk(behind)), [[2, 8, 8]])
      assert.equal(chunks.firstTime(slot), kept[0]?.[0])
      assert.equal(chunks.lastTime(slot), kept.at(-1)?.[0])
    }),
  )
})

test('a chunk that was saved goes on elsewhere as if nothing had been', () => {
  fc.assert(
    fc.property(samples, fc.nat(), (given, cut) => {
      const whole = new OpenChunks()
      const one = whole.open()
      let parts = new OpenChunks()
      let two = parts.open()
      let time = 0
      for (const [index, [step, [high, low]]] of given.entries()) {
        if (index === cut % given.length) {
          const state = parts.save(two)
          parts = new OpenChunks()
          parts.open()
          two = parts.restore(state)
        }
        time += step
        assert.equal(
          parts.append(two, time, high, low),
          whole.append(one, time, high, low),
          `sample ${index}`,
        )
      }
      assert.deepEqual(parts.chunk(two), whole.chunk(one))
      assert.deepEqual(parts.save(two), whole.save(one))
    }),
  )
})

test('slots that were given back are used again, and more than a page of them works', () => {
  const chunks = new OpenChunks()
  const slots = Array.from({ length: 3_000 }, (_, index) => {
    const slot = chunks.open()
    assert.ok(chunks.append(slot, index, index, -index))
    return slot
  })
  const { bytes } = chunks
  for (const slot of slots.slice(0, 1_000)) chunks.release(slot)
  const again = Array.from({ length: 1_000 }, () => chunks.open())
  assert.deepEqual(
    again.toSorted((one, other) => one - other),
    slots.slice(0, 1_000),
  )
  for (const slot of again) assert.equal(chunks.count(slot), 0)
  assert.deepEqual(decoded(chunks.chunk(slots[2_999]!)), [[2_999, 2_999, -2_999]])
  assert.equal(chunks.bytes, bytes)
})

test('bytes that are no chunk are refused, and never read beyond', () => {
  const chunks = new OpenChunks()
  const slot = chunks.open()
  for (let index = 0; index < 50; index++) chunks.append(slot, index * 997, index * 31, index)
  const chunk = chunks.chunk(slot)
  for (let length = 0; length < chunk.length; length++) {
    const cut = chunk.slice(0, length)
    assert.throws(
      () => decodeFloatChunk(cut, new Float64Array(50), new Uint32Array(100), 0),
      ChunkCorruptError,
    )
  }
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 2, maxLength: 300 }), (bytes) => {
      try {
        decoded(bytes)
      } catch (error) {
        assert.ok(error instanceof ChunkCorruptError)
      }
    }),
  )
})
