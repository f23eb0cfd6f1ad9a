/** Bytes a sample of chunks of floats, and time a sample, for series as services have them. `node bench/gorilla.ts` */
import { decodeFloatChunk } from '../src/mechanisms/gorilla/float-chunk.ts'
import { OpenChunks } from '../src/mechanisms/gorilla/open-chunks.ts'
import { sampleSeries, SERIES_KINDS } from './metrics-series.ts'

const SAMPLES = 20_000
const words = new Float64Array(1)
const halves = new Int32Array(words.buffer)

process.stdout.write('series                      bytes/sample   append ns   decode ns\n')
let bytesAll = 0
for (const kind of SERIES_KINDS) {
  const { times, values } = sampleSeries(kind, SAMPLES, 15_000)
  const runs = 10
  let bytes = 0
  let decodeMs = 0
  let appendMs = 0
  for (let run = 0; run < runs; run++) {
    const chunks = new OpenChunks()
    const full: Uint8Array[] = []
    let slot = chunks.open()
    const begin = performance.now()
    for (let index = 0; index < SAMPLES; index++) {
      words[0] = values[index]!
      if (chunks.append(slot, times[index]!, halves[1]!, halves[0]!)) continue
      full.push(chunks.chunk(slot))
      chunks.release(slot)
      slot = chunks.open()
      chunks.append(slot, times[index]!, halves[1]!, halves[0]!)
    }
    full.push(chunks.chunk(slot))
    appendMs += performance.now() - begin
    bytes = full.reduce((sum, chunk) => sum + chunk.length, 0)
    const backTimes = new Float64Array(SAMPLES)
    const backBits = new Uint32Array(SAMPLES * 2)
    const read = performance.now()
    let at = 0
    for (const chunk of full) at += decodeFloatChunk(chunk, backTimes, backBits, at)
    decodeMs += performance.now() - read
  }
  bytesAll += bytes
  const perSample = (ms: number) => ((ms * 1e6) / (runs * SAMPLES)).toFixed(0).padStart(9)
  process.stdout.write(
    `${kind.padEnd(28)}${(bytes / SAMPLES).toFixed(2).padStart(12)} ${perSample(appendMs)}   ${perSample(decodeMs)}\n`,
  )
}
process.stdout.write(`all${(bytesAll / SAMPLES / SERIES_KINDS.length).toFixed(2).padStart(37)}\n`)
