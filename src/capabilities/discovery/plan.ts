import type { SqlStatement } from '../../platform/storage/messages.ts'

/** What is to be stored, and what is done when it is. */
export interface Plan<Applied = void> {
  readonly statements: readonly SqlStatement[]
  readonly apply: () => Applied
}
