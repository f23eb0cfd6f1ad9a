import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeHistogramChunk } from '../../../mechanisms/gorilla/histogram-chunk.ts'
import { ByteReader, ByteWriter } from '../../../mechanisms/tsdb-block/bytes.ts'
import type { ClosedChunk } from './chunk-list.ts'
import { encodeFrame, type FramesEnd, readFrames } from './frames.ts'
import { type Files, numberedFiles, numberedPath, syncFolder } from './files.ts'
import type { Head } from './head.ts'
import { RECORD } from './records.ts'

/** Series whose state is written before others get their turn. */
const SLICE = 500
const WRITE_BYTES = 1024 * 1024
const READ_BYTES = 4 * 1024 * 1024

/** What a checkpoint is made of. */
export interface CheckpointSource {
  readonly head: Head
  /** Every number that may be a series is below this. */
  readonly limit: number
  key(ref: number): Uint8Array | undefined
  /** Further records: metadata, exemplars. */
  readonly records: Iterable<Uint8Array>
  turn(): Promise<void>
  /** Resolves when every chunk that was named until now is on the disk. */
  syncChunks(): Promise<void>
}

/**
 * Writes what the head knows of every series, in slices: what is added meanwhile may be in it or not, the log from `segment` on has it anyway,
 * and a sample that is known already changes nothing. The file counts from the moment it has its name. Returns the files of chunks that it names.
 */
export async function writeCheckpoint(
  folder: string,
  segment: number,
  source: CheckpointSource,
  files: Files,
): Promise<ReadonlySet<number>> {
  const temporary = join(folder, 'next')
  const file = await files.create(temporary)
  const needed = new Set<number>()
  const out = new ByteWriter(4_096)
  let position = 0
  let gathered: Uint8Array[] = []
  let gatheredBytes = 0
  const flush = async (): Promise<void> => {
    await file.write(gathered, position)
    position += gatheredBytes
    gathered = []
    gatheredBytes = 0
  }
  const put = (record: Uint8Array): void => {
    const frame = encodeFrame(record)
    gathered.push(frame)
    gatheredBytes += frame.length
  }
  try {
    for (let ref = 0; ref < source.limit; ref++) {
      const key = source.key(ref)
      if (key !== undefined) put(encodeState(out, ref, key, source.head, needed))
      if (gatheredBytes >= WRITE_BYTES) await flush()
      else if (ref % SLICE === SLICE - 1) await source.turn()
    }
    for (const record of source.records) {
      put(record)
      if (gatheredBytes >= WRITE_BYTES) await flush()
    }
    put(Uint8Array.of(RECORD.end))
    await flush()
    await file.sync()
  } finally {
    await file.close()
  }
  await source.syncChunks()
  await rename(temporary, numberedPath(folder, segment))
  await syncFolder(folder)
  for (const number of await numberedFiles(folder)) {
    if (number !== segment) await rm(numberedPath(folder, number), { force: true })
  }
  return needed
}

/** The newest checkpoint that is whole: its number is that of the segment with which the log goes on. */
export async function findCheckpoint(folder: string): Promise<number | undefined> {
  const numbers = await numberedFiles(folder)
  await rm(join(folder, 'next'), { force: true })
  return numbers.at(-1)
}

/** Hands on each record of a file, which is read in pieces. */
export async function readRecordFile(
  path: string,
  onRecord: (record: Buffer) => void,
): Promise<FramesEnd> {
  const handle = await open(path, 'r')
  try {
    let rest = Buffer.alloc(0)
    let goodBytes = 0
    for (;;) {
      const piece = Buffer.allocUnsafe(READ_BYTES)
      const { bytesRead } = await handle.read(piece, 0, READ_BYTES)
      if (bytesRead === 0) return { goodBytes, isTorn: rest.length > 0 }
      const bytes = Buffer.concat([rest, piece.subarray(0, bytesRead)])
      const end = readFrames(bytes, onRecord)
      goodBytes += end.goodBytes
      rest = bytes.subarray(end.goodBytes)
    }
  } finally {
    await handle.close()
  }
}

function encodeState(
  out: ByteWriter,
  ref: number,
  key: Uint8Array,
  head: Head,
  needed: Set<number>,
): Uint8Array {
  const { lastTime, slot, histogram, late } = head.parts(ref)
  out.clear()
  out.byte(RECORD.state)
  out.uvarint(ref)
  out.uvarint(key.length)
  out.bytes(key)
  const hasTime = Number.isFinite(lastTime)
  out.byte((hasTime ? 1 : 0) | (slot >= 0 ? 2 : 0) | (histogram === undefined ? 0 : 4))
  if (hasTime) out.varint(lastTime)
  if (slot >= 0) putOpenChunk(out, head, slot)
  if (histogram !== undefined) {
    const chunk = histogram.chunk()
    out.uvarint(chunk.length)
    out.bytes(chunk)
  }
  out.uvarint(late?.count ?? 0)
  for (let at = 0; at < (late?.count ?? 0); at++) {
    out.varint(late!.times[at]!)
    out.uint32(late!.high[at]!)
    out.uint32(late!.low[at]!)
  }
  const chunks = [...head.lists.overlapping(ref, Number.NEGATIVE_INFINITY, Infinity)]
  out.uvarint(chunks.length)
  for (const { minTime, maxTime, place, bytes } of chunks.toReversed()) {
    needed.add(Math.floor(place / 2 ** 32))
    out.varint(minTime)
    out.uvarint(maxTime - minTime)
    out.uvarint(place)
    out.uvarint(bytes)
  }
  return out.view()
}

function putOpenChunk(out: ByteWriter, head: Head, slot: number): void {
  const state = head.open.save(slot)
  out.varint(state.firstTime)
  out.varint(state.lastTime)
  out.varint(state.lastDelta)
  out.uvarint(state.bits)
  out.uvarint(state.count)
  const [high, low, leading, trailing] = state.value
  out.uint32(high)
  out.uint32(low)
  out.byte(leading)
  out.byte(trailing)
  out.uvarint(state.chunk.length)
  out.bytes(state.chunk)
}

/** A record of state, read, before it is given to a head. */
export interface ReadState {
  readonly ref: number
  readonly key: Uint8Array
  readonly chunks: readonly ClosedChunk[]
  /** Gives it to a head, of the closed chunks those that are wanted. */
  restore(head: Head, isWanted: (chunk: ClosedChunk) => boolean): void
}

/** Reads a record of state. Throws `BlockCorruptError`. */
export function readState(record: Buffer): ReadState {
  const reader = new ByteReader(record, 1)
  const ref = reader.uvarint()
  const key = reader.view(reader.uvarint())
  const flags = reader.byte()
  const lastTime = (flags & 1) === 0 ? Number.NEGATIVE_INFINITY : reader.varint()
  const open = (flags & 2) === 0 ? undefined : readOpenChunk(reader)
  const histograms = (flags & 4) === 0 ? [] : decodeHistogramChunk(reader.view(reader.uvarint()))
  const late = Array.from({ length: reader.uvarint() }, () => ({
    time: reader.varint(),
    high: reader.uint32() | 0,
    low: reader.uint32() | 0,
  }))
  const chunks = Array.from({ length: reader.uvarint() }, () => {
    const minTime = reader.varint()
    const maxTime = minTime + reader.uvarint()
    return { minTime, maxTime, place: reader.uvarint(), bytes: reader.uvarint() }
  })
  return {
    ref,
    key,
    chunks,
    restore(head, isWanted) {
      // Samples that come back by being added again must find no later one.
      head.restore(ref, Number.NEGATIVE_INFINITY, open === undefined ? -1 : head.open.restore(open))
      for (const { time, histogram } of histograms) {
        if (histogram !== undefined) head.appendHistogram(ref, time, histogram)
      }
      head.restore(ref, lastTime, head.parts(ref).slot)
      for (const { time, high, low } of late) head.restoreLate(ref, time, high, low)
      for (const chunk of chunks) if (isWanted(chunk)) head.restoreChunk(ref, chunk)
    },
  }
}

function readOpenChunk(reader: ByteReader) {
  const firstTime = reader.varint()
  const lastTime = reader.varint()
  const lastDelta = reader.varint()
  const bits = reader.uvarint()
  const count = reader.uvarint()
  const value = [reader.uint32() | 0, reader.uint32() | 0, reader.byte(), reader.byte()] as const
  return {
    firstTime,
    lastTime,
    lastDelta,
    bits,
    count,
    value,
    chunk: reader.view(reader.uvarint()),
  }
}
