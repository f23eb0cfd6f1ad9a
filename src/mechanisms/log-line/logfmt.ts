/** Pairs of one line. */
const PAIRS_MAX = 256

/**
 * Reads `level=info msg="it is done" took=5ms`. Undefined where the line is not logfmt from its beginning to its end: text that only mentions
 * something like a=b stays text.
 */
export function parseLogfmt(line: string): readonly (readonly [string, string])[] | undefined {
  if (!/^[\w.@/-]{1,128}=/.test(line)) return undefined
  const pairs: [string, string][] = []
  let at = 0
  while (at < line.length) {
    if (line[at] === ' ') {
      at++
      continue
    }
    const name = nameAt(line, at)
    if (name === '') return undefined
    at += name.length
    if (line[at] !== '=') {
      pairs.push([name, 'true'])
      continue
    }
    const value = valueAt(line, at + 1)
    if (value === undefined) return undefined
    pairs.push([name, value.text])
    at = value.end
    if (pairs.length > PAIRS_MAX) return undefined
  }
  // One pair may be a sentence with an equals sign; so may words without a value.
  const valued = pairs.filter(([, value]) => value !== 'true').length
  return valued >= 2 && valued * 2 >= pairs.length ? pairs : undefined
}

function nameAt(line: string, at: number): string {
  let end = at
  while (end < line.length && /[\w.@/-]/.test(line[end]!)) end++
  return line.slice(at, end)
}

function valueAt(line: string, at: number): { text: string; end: number } | undefined {
  if (line[at] !== '"') {
    const space = line.indexOf(' ', at)
    const end = space < 0 ? line.length : space
    return { text: line.slice(at, end), end }
  }
  let text = ''
  for (let next = at + 1; next < line.length; next++) {
    const character = line[next]!
    if (character === '"') return { text, end: next + 1 }
    if (character === '\\' && next + 1 < line.length) {
      next++
      text += line[next] === 'n' ? '\n' : line[next] === 't' ? '\t' : line[next]!
    } else text += character
  }
  return undefined
}
