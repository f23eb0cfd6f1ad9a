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
  const refused = expression.startsWith('^(?!') ? groupEnd(expression, 1) : -1
  if (refused < 0) return finder(expression)
  // `^(?!these)rest`, as clients write "all but these": two questions to RE2, which has no look-ahead.
  const isRefused = finder(`^(?:${expression.slice(4, refused)})`)
  const isWanted = finder(`^${expression.slice(refused + 1)}`)
  return (name) => !isRefused(name) && isWanted(name)
}

function finder(expression: string): (name: string) => boolean {
  const compiled = compile(expression)
  return (name) => compiled.matcher(name).find()
}

/** Where the group that opens at `at` is closed; -1: nowhere. */
function groupEnd(expression: string, at: number): number {
  let depth = 0
  let isInClass = false
  for (let place = at; place < expression.length; place++) {
    const character = expression[place]
    if (character === '\\') place++
    else if (isInClass) isInClass = character !== ']'
    else if (character === '[') isInClass = true
    else if (character === '(') depth++
    else if (character === ')' && --depth === 0) return place
  }
  return -1
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
