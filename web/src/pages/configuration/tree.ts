/** A line of the effective configuration as YAML would write it. */
export interface ConfigLine {
  /** `services.orders.run`; unique. */
  readonly path: string
  readonly depth: number
  readonly key: string
  /** Empty where the lines below are the value. */
  readonly value: string
  /** `backplane.yaml:12`; empty for a default and for a line without a value. */
  readonly source: string
  readonly isLeaf: boolean
}

/** Flattens nested JSON into lines; each value with the source of the nearest path above it that has one. */
export function toLines(
  effective: unknown,
  sources: Readonly<Record<string, string>>,
): readonly ConfigLine[] {
  const lines: ConfigLine[] = []
  const visit = (
    value: unknown,
    key: string,
    path: string,
    depth: number,
    inherited: string,
  ): void => {
    const source = sources[path] ?? inherited
    const children = childrenOf(value)
    if (depth >= 0) {
      lines.push({
        path,
        depth,
        key,
        value: children === null ? scalarText(value) : '',
        source: children === null ? source : '',
        isLeaf: children === null,
      })
    }
    // A list or a scalar of the file is its own source; a mapping's further keys may be defaults.
    const passedOn = Array.isArray(value) ? source : ''
    for (const [name, child] of children ?? []) {
      visit(
        child,
        Array.isArray(value) ? '-' : name,
        path === '' ? name : `${path}.${name}`,
        depth + 1,
        passedOn,
      )
    }
  }
  visit(effective, '', '', -1, '')
  return lines
}

/** Lines that come from a file, with the lines above them. */
export function onlyFromFiles(lines: readonly ConfigLine[]): readonly ConfigLine[] {
  return keepWithParents(lines, (line) => line.source !== '' && line.source !== 'default')
}

/** Lines whose path or value contains the text, with the lines above them. */
export function searchLines(lines: readonly ConfigLine[], text: string): readonly ConfigLine[] {
  const wanted = text.trim().toLowerCase()
  if (wanted === '') return lines
  return keepWithParents(lines, (line) =>
    `${line.path} ${line.value}`.toLowerCase().includes(wanted),
  )
}

function keepWithParents(
  lines: readonly ConfigLine[],
  isWanted: (line: ConfigLine) => boolean,
): readonly ConfigLine[] {
  const kept = new Set<string>()
  for (const line of lines) {
    if (!isWanted(line)) continue
    const parts = line.path.split('.')
    for (let count = 1; count <= parts.length; count += 1) kept.add(parts.slice(0, count).join('.'))
  }
  return lines.filter((line) => kept.has(line.path))
}

/** Keys and values of what has lines of its own; null for a scalar, an empty collection and a short list of scalars. */
function childrenOf(value: unknown): readonly (readonly [string, unknown])[] | null {
  if (typeof value !== 'object' || value === null) return null
  const entries = Object.entries(value)
  if (entries.length === 0) return null
  const isShortList =
    Array.isArray(value) && value.every((item) => typeof item !== 'object' || item === null)
  return isShortList ? null : entries
}

function scalarText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(scalarText).join(', ')}]`
  if (typeof value === 'object' && value !== null) return '{}'
  if (typeof value === 'string') return needsQuotes(value) ? JSON.stringify(value) : value
  return String(value)
}

function needsQuotes(text: string): boolean {
  return text === '' || /^[\s\-?:,[\]{}#&*!|>'"%@`]|: | #|\s$|^(true|false|null|[\d.]+)$/.test(text)
}
