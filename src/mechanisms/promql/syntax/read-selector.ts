import { compileMatcher } from '../../labels/matchers.ts'
import { PatternError } from '../../labels/pattern.ts'
import type { Matcher, MatcherKind } from '../queryable.ts'
import type { VectorSelector } from './ast.ts'
import { advance, failAt, isAt, unexpected, type Context, type Reader } from './reader.ts'
import { unquote } from './string-text.ts'
import { isLabelName, type Token } from './tokens.ts'

const nameContext: Context = { where: 'label matching', expected: 'identifier or "}"' }
const opContext: Context = { where: 'label matching', expected: 'label matching operator' }
const valueContext: Context = { where: 'label matching', expected: 'string' }
const endContext: Context = { where: 'label matching', expected: '"," or "}"' }
const openContext: Context = { where: 'grouping opts', expected: '"("' }
const labelContext: Context = { where: 'grouping opts', expected: 'label' }
const moreContext: Context = { where: 'grouping opts', expected: '"," or ")"' }

/** A selector that begins with a name, which was taken, or with a brace, which is looked at. */
export function readSelector(reader: Reader, name: Token | undefined): VectorSelector {
  const start = (name ?? reader.token).start
  const matchers = isAt(reader, '{') ? readMatchers(reader) : []
  const text = name?.text ?? ''
  const named: readonly Matcher[] =
    text === '' ? [] : [{ name: '__name__', kind: '=', value: text }]
  return {
    kind: 'selector',
    name: text,
    matchers: [...matchers, ...named],
    extension: undefined,
    offset: { ms: 0, expr: undefined },
    at: undefined,
    range: { start, end: reader.lastEnd },
  }
}

/** `(a, b)` behind `by`, `on` and their like. */
export function readLabels(reader: Reader): readonly string[] {
  if (!isAt(reader, '(')) throw unexpected(reader, openContext)
  advance(reader)
  const labels: string[] = []
  while (!isAt(reader, ')')) {
    labels.push(readLabel(reader))
    if (isAt(reader, ')')) break
    if (!isAt(reader, ',')) throw unexpected(reader, moreContext)
    advance(reader)
  }
  advance(reader)
  return labels
}

function readLabel(reader: Reader): string {
  const { token } = reader
  if (token.kind === 'string') {
    advance(reader)
    const name = unquote(token.text)
    if (name !== '') return name
    throw failAt(reader, token, 'invalid label name for grouping: ""')
  }
  if (!isLabelName(token.kind)) throw unexpected(reader, labelContext)
  advance(reader)
  return token.text
}

function readMatchers(reader: Reader): readonly Matcher[] {
  advance(reader)
  const matchers: Matcher[] = []
  while (!isAt(reader, '}')) {
    matchers.push(readMatcher(reader))
    if (isAt(reader, '}')) break
    if (!isAt(reader, ',')) throw unexpected(reader, endContext)
    advance(reader)
  }
  advance(reader)
  return matchers
}

function readMatcher(reader: Reader): Matcher {
  const { token } = reader
  if (token.kind !== 'identifier' && token.kind !== 'string') throw unexpected(reader, nameContext)
  advance(reader)
  const isQuoted = token.kind === 'string'
  const name = isQuoted ? unquote(token.text) : token.text
  const kind = kindOf(reader.token)
  if (kind === undefined) {
    // A name alone, in quotes, is that of the metric.
    if (isQuoted) return { name: '__name__', kind: '=', value: name }
    throw unexpected(reader, opContext)
  }
  advance(reader)
  const value = reader.token
  if (value.kind !== 'string') throw unexpected(reader, valueContext)
  advance(reader)
  const matcher: Matcher = { name, kind, value: unquote(value.text) }
  try {
    compileMatcher(matcher)
    return matcher
  } catch (error) {
    if (!(error instanceof PatternError)) throw error
    throw failAt(reader, { start: token.start, end: value.end }, error.message)
  }
}

function kindOf({ kind }: Token): MatcherKind | undefined {
  return kind === '=' || kind === '!=' || kind === '=~' || kind === '!~' ? kind : undefined
}
