/**
 * The metrics store: CPU a sample of remote write, memory a series, a restart, and bytes a sample on the disk beside those of Prometheus (its
 * promtool makes blocks of the same samples). `node --expose-gc bench/metrics.ts`
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { storeRequest1 } from '../src/capabilities/metrics/api/write.ts'
import { openStore, type StoreOptions } from '../src/capabilities/metrics/store/open-store.ts'
import { labelsOf } from '../src/mechanisms/labels/labels.ts'
import { encodeMessage, seriesField } from '../src/mechanisms/protobuf/testing/encode.ts'
import { compressSnappy, decompressSnappy } from '../src/mechanisms/snappy/snappy.ts'
import { systemClock } from '../src/platform/clock.ts'
import { sampleSeries, SERIES_KINDS } from './metrics-series.ts'

const SERIES = 50_000
const STEPS = 6
const REQUEST_SERIES = 1_000

function optionsFor(folder: string): StoreOptions {
  return {
    folder,
    clock: systemClock,
    log: () => {},
    seed: 1,
    limits: {
      seriesMax: 1e7,
      labelValuesMax: 1e6,
      outOfOrderMs: 600_000,
      replayBytesMax: 32 * 1024 * 1024,
      exemplarsMax: 1_000,
      metadataMax: 1_000,
    },
  }
}

const say = (what: string, figure: string): void => {
  process.stdout.write(`${what.padEnd(52)} ${figure}\n`)
}

/** A request of remote write with one sample of each of some series. */
function requestOf(from: number, step: number): Uint8Array {
  const series = Array.from({ length: REQUEST_SERIES }, (_, at) => {
    const n = from + at
    return seriesField(
      [
        ['__name__', `http_requests_${n % 100}_total`],
        ['code', '200'],
        ['instance', `10.0.0.${n % 250}:8080`],
        ['job', 'api'],
        ['method', 'GET'],
        ['path', `/api/v1/orders/${Math.floor(n / 100)}`],
      ],
      [[1.7e12 + step * 15_000, Math.floor((n * step) / 7)]],
    )
  })
  return compressSnappy(encodeMessage(...series))
}

async function ingest(folder: string): Promise<void> {
  const { store } = await openStore(optionsFor(folder))
  globalThis.gc?.()
  const rssBefore = process.memoryUsage().rss
  for (let step = 0; step < STEPS; step++) {
    let cpuUs = 0
    for (let from = 0; from < SERIES; from += REQUEST_SERIES) {
      const body = requestOf(from, step)
      const begin = process.cpuUsage()
      storeRequest1(store, decompressSnappy(body, 1e8), 2e12)
      await store.commit()
      const { user, system } = process.cpuUsage(begin)
      cpuUs += user + system
    }
    if (step > 0 && step < STEPS - 1) continue
    const rate = Math.round((SERIES / cpuUs) * 1_000)
    say(step === 0 ? 'new series, a second of CPU' : 'samples, a second of CPU', `${rate} k`)
  }
  globalThis.gc?.()
  const rss = process.memoryUsage().rss - rssBefore
  say('memory a series, counted by the store', `${Math.round(store.bytes / SERIES)} bytes`)
  say('memory a series, of the process', `${Math.round(rss / SERIES)} bytes`)
  await store.close()
  const begin = performance.now()
  const again = await openStore(optionsFor(folder))
  say(`restart with ${SERIES} series`, `${Math.round(performance.now() - begin)} ms`)
  await again.store.close()
}

const HOURS = 12
const STEP_MS = 15_000

async function disk(folder: string): Promise<void> {
  const count = (HOURS * 3_600_000) / STEP_MS
  const all = SERIES_KINDS.flatMap((kind) =>
    [1, 2, 3].map((seed) => ({ kind, seed, ...sampleSeries(kind, count, STEP_MS, seed) })),
  )
  const { store } = await openStore(optionsFor(folder))
  const refs = all.map(({ kind, seed }) =>
    store.seriesOf(
      labelsOf([
        ['__name__', kind.replaceAll(/\W+/g, '_')],
        ['seed', `${seed}`],
      ]),
    ),
  )
  for (let at = 0; at < count; at++) {
    for (const [index, { times, values }] of all.entries()) {
      store.appendValue(refs[index]!, times[at]!, values[at]!)
    }
    if (at % 480 === 0) await store.maintain({ timeMs: 2 ** 50, bytesMax: 0, rules: [] })
  }
  await store.maintain({ timeMs: 2 ** 50, bytesMax: 0, rules: [] })
  const samples = store.blocks.all.reduce((sum, { info }) => sum + info.meta.stats.numSamples, 0)
  say('bytes a sample in blocks', (store.blocks.diskBytes / samples).toFixed(2))
  await store.close()
  const lines = all.flatMap(({ kind, seed, times, values }) =>
    Array.from(
      times,
      (time, at) => `${kind.replaceAll(/\W+/g, '_')}{seed="${seed}"} ${values[at]} ${time / 1_000}`,
    ),
  )
  const source = join(folder, 'source.om')
  const blocks = join(folder, 'theirs')
  writeFileSync(source, `${lines.join('\n')}\n# EOF\n`)
  const made = spawnSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', source, blocks])
  if (made.status !== 0)
    return say("bytes a sample in Prometheus' blocks", 'promtool is not installed')
  let bytes = 0
  for (const name of readdirSync(blocks, { recursive: true, encoding: 'utf8' })) {
    const info = statSync(join(blocks, name))
    if (info.isFile() && /index$|chunks/.test(name)) bytes += info.size
  }
  say("bytes a sample in Prometheus' blocks", (bytes / (count * all.length)).toFixed(2))
}

for (const run of [ingest, disk]) {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-bench-'))
  try {
    await run(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
