import assert from 'node:assert/strict'
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Matcher } from '../../../mechanisms/promql/queryable.ts'
import { BLOCK_RANGE_MS } from './head.ts'
import type { BlockMeta } from './block-meta.ts'
import { BLOCK_RANGES_MS, planCompaction } from './compaction-plan.ts'
import type { Retention } from './retention.ts'
import type { Store } from './store.ts'
import { dump, named, openIn, temporaryFolder } from './testing/stores.ts'

const forEver: Retention = { timeMs: 2 ** 50, bytesMax: 0, rules: [] }
const HOUR_MS = 3_600_000

/** A sample a minute of some series from `fromHour` to `toHour`, with upkeep after each hour. */
async function fill(store: Store, fromHour: number, toHour: number): Promise<void> {
  for (let hour = fromHour; hour < toHour; hour++) {
    for (let minute = 0; minute < 60; minute++) {
      const time = (hour * 60 + minute) * 60_000
      for (const job of ['a', 'b']) {
        store.appendValue(store.seriesOf(named('x', { job })), time, hour * 60 + minute)
      }
      store.appendValue(store.seriesOf(named('y', { hour: `${hour}` })), time, 1)
    }
    await store.commit()
    await store.maintain(forEver)
  }
}

test('what is old becomes blocks, which grow by three, and every query answers as before', async () => {
  using folder = temporaryFolder()
  const store = await openIn(folder.path)
  await fill(store, 0, 24)
  const levels = store.blocks.all.map(({ info }) => info.meta.compaction.level)
  // 22 hours are in blocks: 18 in one of the third level, 4 in two of the first.
  assert.deepEqual(
    levels.toSorted((one, other) => one - other),
    [1, 1, 3],
  )
  assert.ok(store.head.minTime >= 22 * HOUR_MS)
  // The series of hours that are gone are only in blocks.
  assert.ok(store.series.count < 8, `${store.series.count} series`)
  const samples = (await dump(store))['x{job="a"}']!
  assert.deepEqual(
    samples,
    Array.from({ length: 24 * 60 }, (_, at) => [at * 60_000, at]),
  )
  const some = async (value: string, kind: Matcher['kind'], from: number, to: number) =>
    Object.keys(await dump(store, [{ name: 'hour', kind, value }], from * HOUR_MS, to * HOUR_MS))
      .length
  assert.equal(await some('3', '=', 0, 24), 1)
  assert.equal(await some('3', '=', 5, 24), 0)
  assert.equal(await some('1.*', '=~', 0, 24), 11)
  assert.equal(await some('.+', '=~', 4, 5.5), 2)
  const all = { sets: [], fromMs: 0, toMs: 24 * HOUR_MS }
  assert.deepEqual(await store.queries.labelNames(all), ['__name__', 'hour', 'job'])
  assert.equal((await store.queries.labelValues('hour', all)).length, 24)
  const sets: Matcher[][] = [[{ name: 'job', kind: '!=', value: '' }]]
  assert.deepEqual(await store.queries.labelNames({ ...all, sets }), ['__name__', 'job'])
  assert.deepEqual(await store.queries.labelValues('job', { ...all, sets }), ['a', 'b'])
  assert.equal((await store.queries.series({ ...all, sets })).length, 2)

  const again = await openIn(folder.path)
  assert.deepEqual((await dump(again))['x{job="a"}'], samples)
  await store.close()
  await again.close()
})

test('a kill between a cut and the checkpoint behind it doubles nothing', async () => {
  using folder = temporaryFolder()
  using copy = temporaryFolder()
  const store = await openIn(folder.path)
  await fill(store, 0, 3)
  for (let minute = 0; minute < 60; minute++) {
    store.appendValue(
      store.seriesOf(named('x', { job: 'a' })),
      (180 + minute) * 60_000,
      180 + minute,
    )
  }
  await store.commit()
  // The blocks are there, and the old checkpoint still has their chunks.
  const run = store.blocks.run.bind(store.blocks)
  store.blocks.run = async (job) => {
    const made = await run(job)
    cpSync(folder.path, copy.path, { recursive: true })
    return made
  }
  await store.maintain(forEver)
  await store.close()
  const again = await openIn(copy.path)
  assert.equal(again.blocks.all.length, 1)
  assert.equal(again.head.minTime, 2 * HOUR_MS)
  const expected = Array.from({ length: 240 }, (_, at) => [at * 60_000, at])
  assert.deepEqual((await dump(again))['x{job="a"}'], expected)
  await again.close()
})

test('late samples find their way into blocks that are there', async () => {
  using folder = temporaryFolder()
  const store = await openIn(folder.path, { outOfOrderMs: 10 * HOUR_MS })
  await fill(store, 0, 6)
  const ref = store.seriesOf(named('x', { job: 'a' }))
  assert.equal(store.appendValue(ref, 30_000, 1_000), 'late')
  assert.equal(store.appendValue(store.seriesOf(named('new')), 90_000, 7), 'late')
  await store.commit()
  await fill(store, 6, 10)
  const { minTime } = store.head
  assert.ok(minTime > 0)
  const answer = await dump(store, undefined, 0, 100_000)
  assert.deepEqual(answer['x{job="a"}'], [
    [0, 0],
    [30_000, 1_000],
    [60_000, 1],
  ])
  assert.deepEqual(answer['new{}'], [[90_000, 7]])
  const metas = store.blocks.all.map(({ info }) => info.meta)
  for (const one of metas) {
    const overlapping = metas.filter(
      (other) => other.minTime < one.maxTime && one.minTime < other.maxTime,
    )
    assert.equal(overlapping.length, 1, 'no two blocks overlap')
  }
  await store.close()
})

test('retention by time, by size and by matchers', async () => {
  using folder = temporaryFolder()
  let nowMs = 24 * HOUR_MS
  const { systemClock } = await import('../../../platform/clock.ts')
  const clock = { ...systemClock, nowMs: () => nowMs }
  const store = await openIn(folder.path, {}, { clock })
  await fill(store, 0, 24)
  const names = async () => Object.keys(await dump(store)).toSorted()
  const rules = [
    { matchers: [{ name: 'job', kind: '=' as const, value: 'a' }], timeMs: 100 * HOUR_MS },
  ]
  // All blocks are older than an hour; one of the series may live longer.
  await store.maintain({ timeMs: HOUR_MS, bytesMax: 0, rules })
  assert.deepEqual(
    (await names()).filter((name) => !name.startsWith('y')),
    ['x{job="a"}', 'x{job="b"}'],
  )
  assert.deepEqual((await dump(store))['x{job="b"}']![0], [22 * 60 * 60_000, 22 * 60])
  assert.equal((await dump(store))['x{job="a"}']!.length, 24 * 60)
  const { diskBytes } = store.blocks
  await store.maintain({ timeMs: 100 * HOUR_MS, bytesMax: diskBytes - 1, rules: [] })
  assert.ok(store.blocks.all.length >= 1 && store.blocks.diskBytes < diskBytes)
  nowMs = 1_000 * HOUR_MS
  await store.maintain({ timeMs: 100 * HOUR_MS, bytesMax: 0, rules })
  assert.equal(store.blocks.all.length, 0)
  assert.deepEqual(readdirSync(join(folder.path, 'blocks')), [])
  await store.close()
})

test('a block that is damaged is told, and costs nobody else', async () => {
  using folder = temporaryFolder()
  const store = await openIn(folder.path)
  await fill(store, 0, 6)
  await store.close()
  const [first, second] = readdirSync(join(folder.path, 'blocks')).toSorted()
  writeFileSync(join(folder.path, 'blocks', first!, 'meta.json'), '{')
  const path = join(folder.path, 'blocks', second!, 'chunks', '000001')
  const bytes = readFileSync(path)
  bytes[bytes.length >> 1]! ^= 1
  writeFileSync(path, bytes)
  const again = await openIn(folder.path)
  assert.equal(again.blocks.bad.length, 1)
  assert.match(again.blocks.bad[0]!.reason, /meta.json is no JSON/)
  await assert.rejects(dump(again), { code: 'ERR_METRICS_BLOCK_CORRUPT' })
  const newest = await dump(again, undefined, 5 * HOUR_MS, 6 * HOUR_MS)
  assert.equal(newest['x{job="a"}']?.length, 60)
  await again.close()
})

const metas = fc
  .uniqueArray(fc.nat(80), { minLength: 0, maxLength: 60 })
  .map((ranges) => ranges.toSorted((one, other) => one - other).map((range) => metaOf(range, 1)))

function metaOf(range: number, length: number): BlockMeta {
  return {
    ulid: `${range}-${length}`,
    minTime: range * BLOCK_RANGE_MS,
    maxTime: (range + length) * BLOCK_RANGE_MS,
    stats: { numSamples: 1, numSeries: 1, numChunks: 1 },
    compaction: { level: 1, sources: [`${range}`] },
    version: 1,
  }
}

test('whatever blocks there are, merging ends, and none spans more than the largest range', () => {
  fc.assert(
    fc.property(metas, (given) => {
      let now: readonly BlockMeta[] = given
      for (let round = 0; round < 200; round++) {
        const group = planCompaction(now)
        if (group === undefined) break
        assert.ok(group.length > 1 && round < 199)
        const minTime = Math.min(...group.map((one) => one.minTime))
        const maxTime = Math.max(...group.map((one) => one.maxTime))
        now = [
          ...now.filter((one) => !group.includes(one)),
          { ...group[0]!, ulid: `${round}`, minTime, maxTime },
        ]
      }
      for (const { minTime, maxTime } of now)
        assert.ok(maxTime - minTime <= BLOCK_RANGES_MS.at(-1)!)
      // What is complete and not the newest is one block.
      const newest = Math.max(...now.map(({ minTime }) => minTime))
      for (const range of [BLOCK_RANGES_MS.at(-1)!]) {
        const full = Map.groupBy(now, ({ minTime }) => Math.floor(minTime / range))
        for (const [window, group] of full) {
          if ((window + 1) * range <= newest) assert.equal(group.length, 1)
        }
      }
    }),
  )
})
