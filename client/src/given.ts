import { deepStrictEqual, throws } from 'node:assert'
import type { Decider, DomainEvent } from './decider.ts'

/** What was done. */
interface Done<Event> {
  /** These are the new facts, and no others. */
  readonly gives: (expected: readonly Event[]) => void
  /** It was refused with such an error. */
  readonly refuses: (error: RegExp | object) => void
}

/** Tests a decider without a store: `given(orders, [placed]).when(cancel).gives([cancelled])`. */
export function given<Command, Event extends DomainEvent, State>(
  { initialState, evolve, decide }: Decider<Command, Event, State>,
  past: readonly Event[],
): { readonly when: (command: Command) => Done<Event> } {
  const state = past.reduce(evolve, initialState())
  return {
    when: (command) => ({
      gives: (expected) => deepStrictEqual(decide(command, state), expected),
      refuses: (error) => throws(() => decide(command, state), error),
    }),
  }
}
