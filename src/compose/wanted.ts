import { startEventsControl } from '../capabilities/events/control/events-control.ts'
import { startIdentityControl } from '../capabilities/identity/control/identity-control.ts'
import { openKnownKeys } from '../capabilities/identity/control/known-keys.ts'
import { basename, dirname } from 'node:path'
import type { LoadedConfig } from '../platform/config/load.ts'
import type { Host } from '../platform/host.ts'
import type { OwnWanted } from '../platform/own-wanted.ts'
import type { Storage } from '../platform/storage/storage.ts'
import { stateSocketOf } from '../supervisor/boot.ts'
import type { Settings } from '../settings.ts'
import type { ComposeInput } from './routing.ts'

/** What they stand on. */
interface Ground extends Pick<ComposeInput, 'boot' | 'channel' | 'listeners'> {
  readonly storage: Storage
  readonly ownWanted: OwnWanted
}

/** Part of the control plane: those of our processes that run only where the file has their section. */
export async function startWanted(
  host: Host<LoadedConfig<Settings>>,
  { boot, channel, listeners, storage, ownWanted }: Ground,
) {
  const events = await host.start(
    'events',
    startEventsControl,
    ({ settings }) => ({ events: settings.events, listen: settings.listen }),
    { socketPath: stateSocketOf(boot, 'events'), ownWanted, listeners },
  )
  const identity = await host.start(
    'identity',
    startIdentityControl,
    ({ settings: { identity: said, listen, name } }) => ({
      identity: said,
      listen,
      system: name ?? basename(dirname(boot.configFile)),
    }),
    {
      socketPath: stateSocketOf(boot, 'identity'),
      ownWanted,
      listeners,
      knownKeys: await openKnownKeys(storage),
      publish: (ops) => channel.publish(ops),
    },
  )
  return { events, identity }
}
