import { formatHostPort, urlOf } from '../../platform/config/addresses.ts'
import type { ListenerRow } from '../../platform/listeners/table.ts'

/** The listener of events: their process opens it, control tells of it. */
export const listenerRow = {
  protocol: 'http',
  port: 2113,
  about: 'KurrentDB gRPC, and events over HTTP',
  access: { token: ['events', 'token'] },
  power: 'whoever reaches it may read and append all events',
  section: 'events',
  variables: (address) => ({
    KURRENTDB_URL: `kurrentdb://${formatHostPort(address)}?tls=false`,
    EVENTS_URL: urlOf(address),
  }),
} as const satisfies ListenerRow
