import { RE2JS } from 're2js'
import type { Matcher } from '../promql/queryable.ts'

/** Whether a value fulfils a matcher. */
export type ValueTest = (value: string) => boolean

/**
 * A test for the values of a matcher's label, or what is wrong with its expression, in Go's words. Alternatives of plain texts, and
 * plain texts with `.*` or `.+` around them, are compared without an automaton.
 */
export function compileMatcher({ kind, value }: Matcher): ValueTest | string {
  switch (kind) {
    case '=':
      return (text) => text === value
    case '!=':
      return (text) => text !== value
    case '=~':
      return compileExpression(value)
    case '!~': {
      const test = compileExpression(value)
      return typeof test === 'string' ? test : (text) => !test(text)
    }
  }
}

/** The texts of an expression that is nothing but plain texts (`a|b`), which an index can look up. */
export function plainAlternatives(expression: string): readonly string[] | undefined {
  return /[\\.+*?()[\]{}^$]/.test(expression) ? undefined : expression.split('|')
}

function compileExpression(expression: string): ValueTest | string {
  const alternatives = plainAlternatives(expression)
  if (alternatives !== undefined) {
    if (alternatives.length === 1) return (text) => text === expression
    const set = new Set(alternatives)
    return (text) => set.has(text)
  }
  return compileSimple(expression) ?? compileRegex(expression)
}

/** `.*`, `.+`, and one plain text with these before or behind it. */
function compileSimple(expression: string): ValueTest | undefined {
  const match = /^(\.[*+])?([^\\.+*?()[\]{}^$|]*)(\.[*+])?$/.exec(expression)
  if (match === null) return undefined
  const [, before, text = '', behind] = match
  const beforeMin = before === '.+' ? 1 : 0
  const behindMin = behind === '.+' ? 1 : 0
  if (text === '') {
    if (before !== undefined && behind !== undefined) return undefined
    return before === undefined && behind === undefined
      ? (value) => value === ''
      : (value) => value.length >= beforeMin + behindMin
  }
  const lengthMin = beforeMin + text.length + behindMin
  if (before === undefined) return (value) => value.startsWith(text) && value.length >= lengthMin
  if (behind === undefined) return (value) => value.endsWith(text) && value.length >= lengthMin
  return (value) => {
    const at = value.indexOf(text, beforeMin)
    return at >= 0 && at + text.length + behindMin <= value.length
  }
}

/** RE2's own words are those that Prometheus passes on, with the anchors that it puts around the expression. */
function compileRegex(expression: string): ValueTest | string {
  const anchored = `^(?s:${expression})$`
  try {
    RE2JS.compile(expression)
    const regex = RE2JS.compile(anchored)
    return (value) => regex.test(value)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
