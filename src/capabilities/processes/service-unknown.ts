import { nearestWord } from '../../mechanisms/nearest-word/nearest-word.ts'
import { ProblemError } from '../../platform/problem.ts'

/** Names that an error lists; of more it says how many there are. */
const NAMES_SHOWN_MAX = 20

/** Nothing that runs here has this name. */
export function serviceUnknown(name: string, services: readonly string[]): ProblemError {
  const nearest = nearestWord(name, services)
  const guess = nearest === undefined ? '' : ` Did you mean ${nearest}?`
  const more = services.length - NAMES_SHOWN_MAX
  const shown = services.slice(0, NAMES_SHOWN_MAX).join(', ') || 'none'
  return new ProblemError(
    404,
    'ERR_PROCESSES_SERVICE_UNKNOWN',
    `'${name}' is not a service that runs here, nor an instance of one.${guess} Known: ${shown}${more > 0 ? ` and ${more} more` : ''}.`,
  )
}
