import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareLabels, compareText, type Labels, labelsOf } from '../labels/labels.ts'
import { BlockCorruptError } from './bytes.ts'
import { encodeChunkFrame, readChunkFrame } from './chunk-frame.ts'
import { crc32c } from './crc32c.ts'
import {
  checkedSection,
  checkIndexHead,
  PostingsTable,
  readPostings,
  readSeries,
  readToc,
  SymbolTable,
} from './index-reader.ts'
import { type ChunkPlace, IndexWriter, SERIES_ALIGNMENT, TOC_BYTES } from './index-writer.ts'

test('the checksum is that of RFC 3720', () => {
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283)
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa)
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43)
  const rising = Uint8Array.from({ length: 32 }, (_, at) => at)
  assert.equal(crc32c(rising), 0x46dd794e)
  assert.equal(crc32c(rising, 13, 32, crc32c(rising, 0, 13)), 0x46dd794e)
})

interface Given {
  readonly labels: Labels
  readonly chunks: readonly ChunkPlace[]
}

function write(series: readonly Given[]): Uint8Array {
  const symbols = new Set(series.flatMap(({ labels }) => [...labels.names, ...labels.values]))
  const parts: Uint8Array[] = []
  const writer = new IndexWriter([...symbols].toSorted(compareText), (bytes) => parts.push(bytes))
  for (const { labels, chunks } of series) writer.series(labels, chunks)
  writer.finish()
  return Buffer.concat(parts)
}

/** Every series, found by way of the list of each of its labels and of the list of all. */
function readBack(index: Uint8Array): readonly Given[] {
  checkIndexHead(index)
  const toc = readToc(index.subarray(-TOC_BYTES))
  const symbols = new SymbolTable(checkedSection(index.subarray(toc.symbols), 'symbols'))
  const table = new PostingsTable(checkedSection(index.subarray(toc.postingsTable), 'postings'))
  const text = (id: number) => symbols.text(id)
  const at = (ref: number) => readSeries(index, ref * SERIES_ALIGNMENT, text)
  for (const name of table.names()) {
    for (const { value, place } of table.values(name)) {
      for (const ref of readPostings(index.subarray(place))) {
        assert.equal(at(ref).labels.get(name), value)
      }
    }
  }
  const [all] = table.values('')
  return [...readPostings(index.subarray(all!.place))].map((ref) => {
    const { labels, chunks } = at(ref)
    return { labels, chunks }
  })
}

const texts = fc.string({ minLength: 1, maxLength: 6, unit: 'binary' })
const labels = fc
  .array(fc.tuple(fc.oneof(fc.constantFrom('job', '__name__'), texts), texts), {
    minLength: 1,
    maxLength: 5,
  })
  .map(labelsOf)
const chunks = fc
  .array(fc.tuple(fc.nat(10_000), fc.nat(10_000), fc.nat(2 ** 40)), { maxLength: 5 })
  .map((parts) => {
    let time = -20_000
    return parts.map(([gap, length, ref]) => {
      const minTime = time + gap
      time = minTime + length
      return { minTime, maxTime: time, ref }
    })
  })

test('an index gives back what was written', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.record({ labels, chunks }), {
        selector: (one) => one.labels.signature,
        minLength: 1,
        maxLength: 20,
      }),
      (given) => {
        const sorted = given.toSorted((one, other) => compareLabels(one.labels, other.labels))
        const back = readBack(write(sorted))
        assert.deepEqual(
          back.map((one) => [one.labels.signature, one.chunks]),
          sorted.map((one) => [one.labels.signature, one.chunks]),
        )
      },
    ),
  )
})

test('a byte that was changed anywhere is found, or changes nothing', () => {
  const series = [1, 2, 3].map((at) => ({
    labels: labelsOf([
      ['__name__', 'up'],
      ['job', `job ${at}`],
    ]),
    chunks: [{ minTime: at, maxTime: at + 10, ref: at * 100 }],
  }))
  const index = write(series)
  const expected = JSON.stringify(readBack(index))
  let found = 0
  for (let at = 0; at < index.length; at++) {
    const damaged = Uint8Array.from(index)
    damaged[at]! ^= 0x41
    try {
      assert.equal(JSON.stringify(readBack(damaged)), expected)
    } catch (error) {
      assert.ok(error instanceof BlockCorruptError, `byte ${at}: ${String(error)}`)
      found++
    }
  }
  assert.ok(found > index.length / 2)
})

test('a chunk in its frame', () => {
  const frame = encodeChunkFrame(1, Uint8Array.of(9, 8, 7))
  assert.deepEqual(readChunkFrame(Uint8Array.from([0, 0, ...frame]), 2), {
    encoding: 1,
    chunk: Uint8Array.of(9, 8, 7),
  })
  for (let at = 0; at < frame.length; at++) {
    const damaged = Uint8Array.from(frame)
    damaged[at]! ^= 1
    assert.throws(() => readChunkFrame(damaged, 0), BlockCorruptError)
  }
})
