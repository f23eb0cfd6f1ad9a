import { BlockCorruptError } from '../../../mechanisms/tsdb-block/bytes.ts'

/** `meta.json` of a block, as Prometheus has it, and what is ours. */
export interface BlockMeta {
  readonly ulid: string
  readonly minTime: number
  /** Not included. */
  readonly maxTime: number
  readonly stats: {
    readonly numSamples: number
    readonly numSeries: number
    readonly numChunks: number
  }
  readonly compaction: { readonly level: number; readonly sources: readonly string[] }
  readonly version: 1
  /** Missing in blocks that Prometheus made. */
  readonly backplane?: {
    /** The checkpoint that it was made of; 0: it was made of other blocks. */
    readonly checkpoint: number
    /** Series that may live shorter than this were taken out. */
    readonly expiredMs: number
  }
}

/** A block on the disk. */
export interface BlockInfo {
  readonly path: string
  readonly meta: BlockMeta
  /** Bytes of all its files. */
  readonly bytes: number
}

/** Reads `meta.json`. Throws `BlockCorruptError`. */
export function parseBlockMeta(text: string): BlockMeta {
  let meta: Partial<BlockMeta>
  try {
    meta = JSON.parse(text) as Partial<BlockMeta>
  } catch {
    throw new BlockCorruptError('its meta.json is no JSON')
  }
  const isWhole =
    meta.version === 1 &&
    typeof meta.ulid === 'string' &&
    Number.isSafeInteger(meta.minTime) &&
    Number.isSafeInteger(meta.maxTime)
  if (!isWhole) throw new BlockCorruptError('its meta.json')
  return {
    ...(meta as BlockMeta),
    stats: meta.stats ?? { numSamples: 0, numSeries: 0, numChunks: 0 },
    compaction: {
      level: meta.compaction?.level ?? 1,
      sources: meta.compaction?.sources ?? [meta.ulid!],
    },
  }
}

const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** A ULID (github.com/ulid/spec): 48 bits of time and 80 of chance, in Crockford's base 32. */
export function createUlid(nowMs: number, random: () => number): string {
  let time = ''
  let rest = nowMs
  for (let at = 0; at < 10; at++) {
    time = DIGITS[rest % 32]! + time
    rest = Math.floor(rest / 32)
  }
  const chance = Array.from({ length: 16 }, () => DIGITS[Math.floor(random() * 32)]!)
  return time + chance.join('')
}

/** Whether a name is one of a folder of a block. */
export function isUlid(name: string): boolean {
  return /^[0-9A-HJKMNP-TV-Z]{26}$/.test(name)
}
