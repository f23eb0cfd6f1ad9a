import type { StreamBounds } from '../../model.ts'

/** What the metadata of a stream says of what is kept; `isDeleted`: it ends here, and may begin again. */
export interface StreamSettings extends StreamBounds {
  readonly isDeleted: boolean
}

/** Reads `$tb`, `$maxCount` and `$maxAge` (seconds). What is no such thing bounds nothing: the metadata was accepted as it is. */
export function parseStreamSettings(data: Uint8Array): StreamSettings {
  const said = parseObject(data)
  const truncateBefore = countOf(said.get('$tb'))
  return {
    truncateBefore: Math.min(truncateBefore, Number.MAX_SAFE_INTEGER),
    countMax: Math.min(countOf(said.get('$maxCount')), Number.MAX_SAFE_INTEGER),
    ageUsMax: Math.min(countOf(said.get('$maxAge')) * 1e6, Number.MAX_SAFE_INTEGER),
    isDeleted: truncateBefore > Number.MAX_SAFE_INTEGER,
  }
}

/** The metadata again with another `$tb`, which may be a number that JavaScript does not have. */
export function withTruncateBefore(data: Uint8Array, truncateBefore: string): Buffer {
  const rest = [...parseObject(data)].filter(([name]) => name !== '$tb')
  const fields = rest.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
  return Buffer.from(`{${[`"$tb":${truncateBefore}`, ...fields].join(',')}}`)
}

function parseObject(data: Uint8Array): Map<string, unknown> {
  try {
    const said: unknown = JSON.parse(Buffer.from(data).toString('utf8'))
    return new Map(typeof said === 'object' && said !== null ? Object.entries(said) : [])
  } catch {
    return new Map()
  }
}

function countOf(value: unknown): number {
  return typeof value === 'number' && value > 0 ? Math.floor(value) : 0
}
