import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Signal } from '../../../contracts/signals.ts'
import { quoteText } from '../../../mechanisms/log-query/to-sql.ts'
import type { Engine } from '../engine/engine.ts'
import { textOfCell } from '../engine/messages.ts'
import { joinExtents, NO_EXTENT } from './groups.ts'
import { keepSql, type KeepRule } from './keep-sql.ts'
import { hourFolder, sealedName, type SealedFile } from './sealed-files.ts'
import { syncFolderOf } from './segment-files.ts'
import type { Segment } from './segment-log.ts'
import { columnNames, selectHot, selectSealed } from './tables.ts'

/** Sealing one segment may take so long. */
const SEAL_TIMEOUT_MS = 300_000
/** Classes of retention that one segment may have. */
const CLASSES_MAX = 64
const ROW_GROUP_ROWS = 65_536

/** Where the files go and who writes them. */
export interface SealGround {
  readonly folder: string
  readonly engine: Engine
}

/** Writes the records of a segment into Parquet files, one a class of retention, sorted by time. The segment stays. */
export async function sealSegment(
  { folder, engine }: SealGround,
  signal: Signal,
  segment: Segment,
  hour: string,
  rules: readonly KeepRule[],
): Promise<readonly SealedFile[]> {
  const keep = keepSql(signal, rules)
  const source = `(select *, ${keep} as keep from (${selectHot(signal, [segment.path])}))`
  const classes = await engine.all({
    setup: [],
    sql: `select keep, count(*)::VARCHAR, epoch_us(min(time))::VARCHAR, epoch_us(max(time))::VARCHAR from ${source} group by keep`,
    rowsMax: CLASSES_MAX,
    timeoutMs: SEAL_TIMEOUT_MS,
  })
  const sealed: SealedFile[] = []
  const inHour = hourFolder(folder, signal, hour)
  await mkdir(inHour, { recursive: true, mode: 0o700 })
  for (const [cell, rows, from, to] of classes) {
    const name = textOfCell(cell)
    const extent = { rows: Number(rows), from: Number(from), to: Number(to) }
    const file = { first: segment.number, last: segment.number, keep: name, extent }
    const path = join(inHour, sealedName(file))
    const select = `select ${columnNames(signal).join(', ')} from ${source} where keep = ${quoteText(name)}`
    sealed.push({ ...file, hour, path, bytes: await writeFile(engine, select, path) })
  }
  return sealed
}

/** Writes the records of several files of an hour and class into one. The files stay. */
export async function mergeFiles(
  { folder, engine }: SealGround,
  signal: Signal,
  files: readonly SealedFile[],
): Promise<SealedFile> {
  const { hour, keep } = files[0]!
  const file = {
    first: Math.min(...files.map(({ first }) => first)),
    last: Math.max(...files.map(({ last }) => last)),
    keep,
    extent: files.map(({ extent }) => extent).reduce(joinExtents, NO_EXTENT),
  }
  const path = join(hourFolder(folder, signal, hour), sealedName(file))
  const select = selectSealed(
    signal,
    files.map((one) => one.path),
  )
  return { ...file, hour, path, bytes: await writeFile(engine, select, path) }
}

/** It has its name only when it is whole and on the disk. */
async function writeFile(engine: Engine, select: string, path: string): Promise<number> {
  const part = `${path}.part`
  try {
    await engine.write([
      `copy (${select} order by time, seq) to ${quoteText(part)} (format parquet, compression zstd, compression_level 6, parquet_version v2, row_group_size ${ROW_GROUP_ROWS})`,
    ])
    const handle = await open(part, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(part, path)
    await syncFolderOf(path)
    return (await stat(path)).size
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
}
