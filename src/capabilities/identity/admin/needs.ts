import { ProblemError } from '../../../platform/problem.ts'
import type { IdentityHouse } from '../house.ts'

/** What the routes stand on. */
export interface AdminNeeds {
  /** Undefined until control has said what there is. */
  readonly house: () => IdentityHouse | undefined
}

/** The house, for a route. Throws `ProblemError` while there is none. */
export function houseOf({ house }: AdminNeeds): IdentityHouse {
  const found = house()
  if (found !== undefined) return found
  throw new ProblemError(
    503,
    'ERR_IDENTITY_STARTING',
    "Identity is not open yet, or cannot be: 'backplane status' says why.",
  )
}
