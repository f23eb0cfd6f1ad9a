import { RE2JS } from 're2js'

/** A longer expression is refused. */
export const PATTERN_UNITS_MAX = 20_000
/** So many alternatives are looked up one by one. */
const ALTERNATIVES_MAX = 2_000

/** A regular expression over whole label values, RE2's syntax, with what is known of it beforehand. */
export interface Pattern {
  matches(text: string): boolean
  /** All texts that it matches, where these are few and known. */
  readonly alternatives: readonly string[] | undefined
}

/** The expression cannot be compiled; the message is that of Go's regexp. */
export class PatternError extends Error {
  readonly code = 'ERR_METRICS_PATTERN'

  constructor(message: string) {
    super(message)
    this.name = 'PatternError'
  }
}

/**
 * Compiles an expression that must match a whole text; a point matches every character. What is only text, alternatives of text, or text
 * with `.*` or `.+` before or behind it needs no expression at all. Throws `PatternError`.
 */
export function compilePattern(source: string): Pattern {
  if (source.length > PATTERN_UNITS_MAX) {
    throw new PatternError(
      `error parsing regexp: expression too large: ${source.length} characters, at most ${PATTERN_UNITS_MAX} are allowed`,
    )
  }
  const alternatives = alternativesOf(source)
  if (alternatives !== undefined) {
    const set = new Set(alternatives)
    return { matches: (text) => set.has(text), alternatives: [...set] }
  }
  return { matches: affixTest(source) ?? expressionTest(source), alternatives: undefined }
}

function alternativesOf(source: string): readonly string[] | undefined {
  const inner = /^\((?:\?:)?([^()]*)\)$/.exec(source)?.[1] ?? source
  const parts = inner.split('|')
  if (parts.length > ALTERNATIVES_MAX) return undefined
  const texts = parts.map(literalOf)
  return texts.every((text) => text !== undefined) ? texts : undefined
}

/** The text that an expression without operators matches. */
function literalOf(source: string): string | undefined {
  let text = ''
  for (let index = 0; index < source.length; index++) {
    const char = source[index]!
    if ('.+*?()|[]{}^$'.includes(char)) return undefined
    if (char !== '\\') {
      text += char
      continue
    }
    const escaped = source[++index]
    // A letter or digit behind a backslash has a meaning of its own.
    if (escaped === undefined || /[A-Za-z0-9]|[^\x20-\x7e]/.test(escaped)) return undefined
    text += escaped
  }
  return text
}

/** `.*text`, `text.*`, `.*text.*` and the same with `.+`. */
function affixTest(source: string): ((text: string) => boolean) | undefined {
  const [, before = '', middle = '', behind = ''] = /^(\.[*+])?(.*?)(\.[*+])?$/s.exec(source) ?? []
  if (before === '' && behind === '') return undefined
  const text = literalOf(middle)
  if (text === undefined) return undefined
  const least = (before === '.+' ? 1 : 0) + (behind === '.+' ? 1 : 0)
  if (before === '') {
    return (value) => value.length >= text.length + least && value.startsWith(text)
  }
  if (behind === '') {
    return (value) => value.length >= text.length + least && value.endsWith(text)
  }
  const from = before === '.+' ? 1 : 0
  const left = behind === '.+' ? 1 : 0
  return (value) => {
    if (text === '') return value.length >= least
    const at = value.indexOf(text, from)
    return at >= 0 && at + text.length + left <= value.length
  }
}

function expressionTest(source: string): (text: string) => boolean {
  const prefix = literalPrefix(source)
  try {
    // By itself first: a bracket that closes ours is a mistake, and the message names what was written.
    RE2JS.compile(source)
    const expression = RE2JS.compile(`^(?s:${source})$`)
    return (text) => text.startsWith(prefix) && expression.testExact(text)
  } catch (error) {
    throw new PatternError(error instanceof Error ? error.message : String(error))
  }
}

/** Text that every match begins with: found without parsing, so that it may be too short, never too long. */
function literalPrefix(source: string): string {
  if (source.includes('|') || source.includes('(?')) return ''
  const [found = ''] = /^[^.+*?()|[\]{}^$\\]+/.exec(source) ?? []
  // What is optional or repeated is no prefix.
  return /[*?{]/.test(source[found.length] ?? '') ? dropLastCharacter(found) : found
}

function dropLastCharacter(text: string): string {
  return text.replace(/.$/su, '')
}
