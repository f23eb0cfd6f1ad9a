/** Event sourcing and CQRS over Backplane's event store. */
export { handleCommand } from './command-handler.ts'
export type { CommandOptions, CommandResult } from './command-handler.ts'
export type { Decider, DomainEvent } from './decider.ts'
export { connectEvents, ConflictError, EventStoreError } from './events-client.ts'
export type { AppendResult, EventsClient, Expected, RecordedEvent } from './events-client.ts'
export { given } from './given.ts'
export { liveVersion, startProjection } from './projection.ts'
export type { Projection, ProjectionOptions } from './projection.ts'
