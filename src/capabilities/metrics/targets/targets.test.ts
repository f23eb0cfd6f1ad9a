import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bitsOf, isStaleAt } from '../../../mechanisms/promql/queryable.ts'
import { dump, textOf } from '../store/testing/stores.ts'
import { jobFor, serveMetrics, type Served, startTarget } from '../testing/served.ts'

const NOW = Math.floor(Date.now() / 1_000) * 1_000

/** Scrapes every target now, as its timer would. */
async function scrapeAll(served: Served, timeMs: number): Promise<void> {
  for (const target of served.house.targets.scraped()) await target.scrape(timeMs)
}

async function lastValues(served: Served): Promise<Readonly<Record<string, unknown>>> {
  const found = await dump(served.house.store)
  return Object.fromEntries(
    Object.entries(found)
      .filter(([name]) => !name.startsWith('scrape_duration'))
      .map(([name, samples]) => [name, samples.at(-1)?.[1]]),
  )
}

test('a target is asked as Prometheus asks, and its samples get its labels', async () => {
  await using target = await startTarget()
  await using served = await serveMetrics()
  target.body =
    '# TYPE lat histogram\nlat_bucket{le="1",job="own"} 1\nlat_bucket{le="+Inf",job="own"} 2\nplain 3\n'
  await served.house.apply({ ...served.state, jobs: [jobFor(target.address, { name: 'web' })] })
  await scrapeAll(served, NOW)
  const at = `instance="${target.address}",job="web"`
  assert.deepEqual(await lastValues(served), {
    [`lat_bucket{exported_job="own",${at},le="1.0"}`]: 1,
    [`lat_bucket{exported_job="own",${at},le="+Inf"}`]: 2,
    [`plain{${at}}`]: 3,
    [`up{${at}}`]: 1,
    [`scrape_samples_scraped{${at}}`]: 3,
    [`scrape_samples_post_metric_relabeling{${at}}`]: 3,
    [`scrape_series_added{${at}}`]: 3,
  })
  assert.match(String(target.asked['accept']), /^application\/openmetrics-text;version=1\.0\.0/)
  assert.equal(target.asked['x-prometheus-scrape-timeout-seconds'], '5')
  assert.equal(target.asked['accept-encoding'], 'gzip')
})

test('what a target does not say any more ends at once, and all of it when it is away', async () => {
  await using target = await startTarget()
  await using served = await serveMetrics()
  await served.house.apply({ ...served.state, jobs: [jobFor(target.address)] })
  target.body = 'a 1\nb 2\n'
  await scrapeAll(served, NOW)
  target.body = 'a 1\n'
  await scrapeAll(served, NOW + 1_000)
  target.status = 500
  await scrapeAll(served, NOW + 2_000)
  const hints = { func: '', stepMs: 0, rangeMs: 0, grouping: { labels: [], isBy: true } }
  const matchers = [{ name: '__name__', kind: '=~' as const, value: 'a|b|up' }]
  const found = await served.house.store.queries.select({
    matchers,
    fromMs: NOW,
    toMs: NOW + 9_000,
    samplesMax: 100,
    hints,
  })
  const stale = Object.fromEntries(
    found.map((series) => [
      textOf(series.labels).split('{')[0],
      Array.from(series.timestamps, (time, at) =>
        isStaleAt(bitsOf(series.values), at) ? `stale@${time - NOW}` : series.values[at],
      ),
    ]),
  )
  assert.deepEqual(stale, { a: [1, 1, 'stale@2000'], b: [2, 'stale@1000'], up: [1, 1, 0] })
  assert.match(served.house.targets.all()[0]!.last!.error, /server returned HTTP status 500/)
  assert.match(served.house.problems()[0]!.text, /cannot be scraped/)
})

test('limits, rules, and answers that are no exposition', async () => {
  await using target = await startTarget()
  await using served = await serveMetrics()
  const run = async (more: Parameters<typeof jobFor>[1], body: string, type = 'text/plain') => {
    target.body = body
    target.contentType = type
    await served.house.apply({ ...served.state, jobs: [jobFor(target.address, more)] })
    await scrapeAll(served, Date.now())
    return served.house.targets.all()[0]!.last!.error
  }
  assert.equal(await run({ sampleLimit: 1 }, 'a 1\nb 1\n'), 'sample limit exceeded')
  assert.match(await run({ labelLimit: 3 }, 'a{x="1"} 1\n'), /label_limit exceeded/)
  assert.match(
    await run({ labelValueLengthLimit: 20 }, `a{x="${'y'.repeat(21)}"} 1\n`),
    /label_value_length_limit/,
  )
  assert.match(await run({ bodyBytesMax: 10 }, 'a'.repeat(11)), /body size limit exceeded/)
  assert.match(await run({}, '<html>'), /expected a valid start token, got "<"/)
  assert.match(
    await run({}, 'a 1\n', 'application/openmetrics-text'),
    /data does not end with # EOF/,
  )
  const drop = {
    action: 'drop' as const,
    sourceLabels: ['__name__'],
    separator: ';',
    regex: 'b.*',
    targetLabel: '',
    replacement: '$1',
    modulus: 0,
  }
  assert.equal(await run({ name: 'rules', metricRelabel: [drop] }, 'a 1\nbb 2\n'), '')
  const values = await lastValues(served)
  assert.equal(values[`a{instance="${target.address}",job="rules"}`], 1)
  assert.equal(values[`bb{instance="${target.address}",job="rules"}`], undefined)
  await served.house.apply({
    ...served.state,
    jobs: [jobFor(target.address, { relabel: [{ ...drop, sourceLabels: ['job'], regex: 'job' }] })],
  })
  assert.deepEqual(served.house.targets.all(), [])
})

test('times that a target says count, unless it is told that they do not', async () => {
  await using target = await startTarget()
  await using served = await serveMetrics()
  target.body = `a 1 ${NOW - 5_000}\n`
  await served.house.apply({ ...served.state, jobs: [jobFor(target.address)] })
  await scrapeAll(served, NOW)
  await served.house.apply({
    ...served.state,
    jobs: [jobFor(target.address, { name: 'own', honorTimestamps: false })],
  })
  await scrapeAll(served, NOW)
  const found = await dump(served.house.store)
  assert.equal(found[`a{instance="${target.address}",job="job"}`]![0]![0], NOW - 5_000)
  assert.equal(found[`a{instance="${target.address}",job="own"}`]![0]![0], NOW)
})
