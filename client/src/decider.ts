/** A fact: a type and what it says. */
export interface DomainEvent<Type extends string = string, Data = unknown> {
  readonly type: Type
  readonly data: Data
}

/** How commands become events, and events a state. Plain functions: nothing of them waits, asks the clock, or changes what it is given. */
export interface Decider<Command, Event extends DomainEvent, State> {
  /** Before the first event. */
  readonly initialState: () => State
  /** What a fact makes of a state. */
  readonly evolve: (state: State, event: Event) => State
  /** The facts that a command leads to; none where nothing changes. Throws where it must not be. */
  readonly decide: (command: Command, state: State) => readonly Event[]
}
