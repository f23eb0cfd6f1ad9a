import assert from 'node:assert/strict'
import { cpSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FloatHistogram } from '../../../mechanisms/native-histogram/float-histogram.ts'
import type { Retention } from './retention.ts'
import { type Files, machineFiles } from './files.ts'
import type { Store } from './store.ts'
import { dump, named, openIn, temporaryFolder } from './testing/stores.ts'

const histogramOf = (count: number): FloatHistogram => ({
  resetHint: 'unknown',
  schema: 0,
  zeroThreshold: 0,
  zeroCount: 0,
  count,
  sum: count * 2,
  positiveSpans: [{ offset: 0, length: 1 }],
  positiveCounts: [count],
  negativeSpans: [],
  negativeCounts: [],
  customBounds: [],
})

const forEver: Retention = { timeMs: 2 ** 50, bytesMax: 0, rules: [] }

/** What happens to a store, and to the plain maps that say what it must answer. */
const steps = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constant('sample' as const),
      series: fc.nat(5),
      // Mostly rising; some late, some from hours later.
      step: fc.oneof(
        { weight: 10, arbitrary: fc.integer({ min: 1, max: 30_000 }) },
        { weight: 3, arbitrary: fc.integer({ min: -400_000, max: 0 }) },
        { weight: 1, arbitrary: fc.constant(2 * 3_600_000) },
      ),
      value: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.double({ noNaN: true })),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('histogram' as const), count: fc.nat(100) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('checkpoint' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('maintain' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
)

test('a store answers as plain maps do, over checkpoints and kills', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 1, maxLength: 120 }), async (given) => {
      using folder = temporaryFolder()
      let store = await openIn(folder.path)
      const oracle = new Map<string, Map<number, unknown>>()
      const note = (series: string, time: number, value: unknown): void => {
        const known = oracle.get(series) ?? new Map<number, unknown>()
        oracle.set(series, known.set(time, value))
      }
      let now = 1_700_000_000_000
      const abandoned: Store[] = []
      for (const step of given) {
        switch (step.kind) {
          case 'sample': {
            const time = now + step.step
            const labels = named('x', { n: `${step.series}` })
            const verdict = store.appendValue(store.seriesOf(labels), time, step.value)
            const key = `x{n="${step.series}"}`
            const known = oracle.get(key)?.get(time)
            if (verdict === 'stored' || (verdict === 'late' && known === undefined)) {
              note(key, time, step.value)
            } else if (verdict === 'late') oracle.get(key)?.set(time, step.value)
            now = Math.max(now, time)
            break
          }
          case 'histogram':
            now++
            if (
              store.appendHistogram(store.seriesOf(named('h')), now, histogramOf(step.count)) ===
              'stored'
            ) {
              note('h{}', now, histogramOf(step.count))
            }
            break
          case 'checkpoint':
            await store.checkpoint()
            break
          case 'maintain':
            await store.maintain(forEver)
            break
          case 'reopen':
            // A kill: what was not committed may be lost, so all is committed; the old one is left as it is.
            await store.commit()
            abandoned.push(store)
            store = await openIn(folder.path)
        }
      }
      const answer = await dump(store)
      const expected = Object.fromEntries(
        [...oracle].map(
          ([key, samples]) =>
            [key, [...samples].toSorted(([one], [other]) => one - other)] as const,
        ),
      )
      assert.deepEqual(answer, expected)
      for (const one of [...abandoned, store]) await one.close()
    }),
    { numRuns: 40 },
  )
})

async function filled(folder: string, count: number): Promise<Store> {
  const store = await openIn(folder)
  const ref = store.seriesOf(named('x'))
  for (let at = 0; at < count; at++) {
    store.appendValue(ref, at * 1_000, at)
    await store.commit()
  }
  return store
}

test('a log that was cut anywhere gives back what stands before the cut, and goes on', async () => {
  using folder = temporaryFolder()
  const store = await filled(folder.path, 40)
  await store.close()
  const [segment] = readdirSync(join(folder.path, 'wal'))
  const whole = readFileSync(join(folder.path, 'wal', segment!))
  let counts = new Set<number>()
  for (let length = whole.length; length >= 0; length -= 7) {
    using copy = temporaryFolder()
    cpSync(folder.path, copy.path, { recursive: true })
    truncateSync(join(copy.path, 'wal', segment!), length)
    const again = await openIn(copy.path)
    const samples = (await dump(again))['x{}'] ?? []
    assert.deepEqual(
      samples,
      Array.from(samples, (_, at) => [at * 1_000, at]),
    )
    counts = counts.add(samples.length)
    // What comes afterwards is kept too, although the segment before is torn.
    again.appendValue(again.seriesOf(named('later')), 1e6, 7)
    await again.commit()
    const third = await openIn(copy.path)
    assert.deepEqual((await dump(third))['later{}'], [[1e6, 7]])
    await again.close()
    await third.close()
  }
  assert.ok(counts.size > 30)
})

test('a flipped byte of the log costs what stands behind it in its segment, and no more', async () => {
  using folder = temporaryFolder()
  await (await filled(folder.path, 10)).close()
  await (await filledMore(folder.path)).close()
  const [first] = readdirSync(join(folder.path, 'wal'))
  const path = join(folder.path, 'wal', first!)
  const bytes = readFileSync(path)
  bytes[bytes.length - 3]! ^= 0xff
  writeFileSync(path, bytes)
  const store = await openIn(folder.path)
  const samples = (await dump(store))['x{}']!.map(([time]) => time)
  assert.deepEqual(
    samples,
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 100].map((at) => at * 1_000),
  )
  await store.close()
})

async function filledMore(folder: string): Promise<Store> {
  const store = await openIn(folder)
  store.appendValue(store.seriesOf(named('x')), 100_000, 100)
  await store.commit()
  return store
}

/** A disk that takes nothing while it is full, or only a part. */
function fullDisk(): { readonly files: Files; isFull: boolean } {
  const disk = {
    isFull: false,
    files: {
      async create(path: string) {
        const file = await machineFiles.create(path)
        return {
          ...file,
          async write(parts: readonly Uint8Array[], position: number) {
            if (!disk.isFull) return file.write(parts, position)
            const bytes = Buffer.concat(parts)
            await file.write([bytes.subarray(0, bytes.length >> 1)], position)
            throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
          },
        }
      },
    },
  }
  return disk
}

test('a full disk loses nothing that was acknowledged, tells it, and is used again when it has room', async () => {
  using folder = temporaryFolder()
  const disk = fullDisk()
  const store = await openIn(folder.path, {}, { files: disk.files })
  const ref = store.seriesOf(named('x'))
  store.appendValue(ref, 1_000, 1)
  await store.commit()
  disk.isFull = true
  store.appendValue(ref, 2_000, 2)
  await assert.rejects(store.commit(), { code: 'ERR_METRICS_WAL_WRITE' })
  assert.match(String(store.failure?.message), /no space left on device/)
  // The sender sends it again: it is known, and still not acknowledged.
  assert.equal(store.appendValue(ref, 2_000, 2), 'known')
  await assert.rejects(store.commit(), { code: 'ERR_METRICS_WAL_WRITE' })
  disk.isFull = false
  while (store.failure !== undefined) await new Promise((resolve) => setImmediate(resolve))
  store.appendValue(ref, 3_000, 3)
  await store.commit()
  const again = await openIn(folder.path)
  assert.deepEqual((await dump(again))['x{}'], [
    [1_000, 1],
    [2_000, 2],
    [3_000, 3],
  ])
  await store.close()
  await again.close()
})
