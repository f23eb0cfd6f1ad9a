import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { decompress, DECOMPRESSING_MAX } from './otlp/exporter.ts'
import { Turns } from './turns.ts'

test('only so many bodies are decompressed at once, and a bad one gives its turn on', async () => {
  let underWay = 0
  let highest = 0
  class Watched extends Turns {
    override run<Result>(work: () => Promise<Result>): Promise<Result> {
      return super.run(async () => {
        highest = Math.max(highest, ++underWay)
        try {
          return await work()
        } finally {
          underWay--
        }
      })
    }
  }
  const turns = new Watched(DECOMPRESSING_MAX)
  const bomb = gzipSync(Buffer.alloc(1_000_000))
  const bodies = Array.from({ length: 30 }, (_, at) =>
    at % 3 === 0 ? Buffer.from('no gzip') : bomb,
  )
  const settled = await Promise.allSettled(
    bodies.map((body, at) => decompress(body, 'gzip', at % 3 === 1 ? 1_000 : 2_000_000, turns)),
  )
  assert.deepEqual(
    settled.map((one) => (one.status === 'fulfilled' ? 200 : one.reason.statusCode)),
    bodies.map((_, at) => [400, 413, 200][at % 3]),
  )
  assert.equal(highest, DECOMPRESSING_MAX)
})
