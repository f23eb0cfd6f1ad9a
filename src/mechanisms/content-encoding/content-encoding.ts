/** Encodings of answers that are made here. */
export type ContentEncoding = 'gzip' | 'br' | 'zstd'

/**
 * The encoding that a client likes best (RFC 9110 section 12.5.3), among those that are offered; of several that it likes equally the first. '' where it takes none, or likes the answer as it is
 * better.
 */
export function chooseEncoding(
  accepted: string | undefined,
  offered: readonly ContentEncoding[],
): ContentEncoding | '' {
  if (accepted === undefined || accepted === '') return ''
  const weights = parseWeights(accepted)
  const star = weights.get('*') ?? 0
  let best: ContentEncoding | '' = ''
  // As it is has no weight of its own unless the client says so: then it is worse than anything that is taken.
  let bestWeight = weights.get('identity') ?? 0
  for (const name of offered) {
    const own = weights.get(name) ?? (name === 'gzip' ? weights.get('x-gzip') : undefined) ?? star
    const isBetter = best === '' ? own > 0 && own >= bestWeight : own > bestWeight
    if (!isBetter) continue
    best = name
    bestWeight = own
  }
  return best
}

const ENTRIES_MAX = 32

function parseWeights(text: string): ReadonlyMap<string, number> {
  const weights = new Map<string, number>()
  for (const entry of text.split(',').slice(0, ENTRIES_MAX)) {
    const [name = '', ...params] = entry.split(';').map((part) => part.trim().toLowerCase())
    if (name === '' || weights.has(name)) continue
    const quality = params.find((param) => /^q\s*=/.test(param))
    const value = quality === undefined ? 1 : Number(quality.slice(quality.indexOf('=') + 1))
    weights.set(name, value >= 0 && value <= 1 ? value : 0)
  }
  return weights
}

/** Whether a Content-Type is one of `types`: exact, all below a first part (with a star behind the slash), or all with a suffix (`*+json`). */
export function isType(contentType: string, types: readonly string[]): boolean {
  const type = contentType.split(';', 1)[0]!.trim().toLowerCase()
  return types.some((pattern) => {
    if (pattern.endsWith('/*')) return type.startsWith(pattern.slice(0, -1))
    return pattern.startsWith('*+') ? type.endsWith(pattern.slice(1)) : type === pattern
  })
}
