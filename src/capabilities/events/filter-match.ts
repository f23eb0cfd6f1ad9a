import { RE2JS } from 're2js'
import { EventsError } from './errors.ts'
import { EXPRESSION_LENGTH_MAX, PREFIXES_MAX } from './limits.ts'
import type { EventFilter } from './model.ts'

/** Whether a name is wanted; RE2 is linear in the length of the name. Throws `ERR_EVENTS_FILTER_INVALID` where the filter is none. */
export function matcherOf({ prefixes, expression }: EventFilter): (name: string) => boolean {
  if (prefixes.length > PREFIXES_MAX || expression.length > EXPRESSION_LENGTH_MAX) {
    throw new EventsError(
      'ERR_EVENTS_FILTER_INVALID',
      `A filter has at most ${PREFIXES_MAX} prefixes, and an expression at most ${EXPRESSION_LENGTH_MAX} characters.`,
    )
  }
  if (expression === '') return (name) => prefixes.some((prefix) => name.startsWith(prefix))
  const compiled = compile(expression)
  return (name) => compiled.matcher(name).find()
}

function compile(expression: string): RE2JS {
  try {
    return RE2JS.compile(expression)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new EventsError(
      'ERR_EVENTS_FILTER_INVALID',
      `The expression is none that RE2 reads (${why}). It has no look-around and no back-references, because those can be made to hang.`,
    )
  }
}
