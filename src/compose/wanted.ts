import { startEventsControl } from '../capabilities/events/control/events-control.ts'
import type { Boot } from '../contracts/supervisor.ts'
import type { LoadedConfig } from '../platform/config/load.ts'
import type { Host } from '../platform/host.ts'
import type { ListenerBoard } from '../platform/listeners/board.ts'
import type { OwnWanted } from '../platform/own-wanted.ts'
import { stateSocketOf } from '../supervisor/boot.ts'
import type { Settings } from '../settings.ts'

/** Part of the control plane: those of our processes that run only where the file has their section. */
export async function startWanted(
  host: Host<LoadedConfig<Settings>>,
  {
    boot,
    listeners,
    ownWanted,
  }: { readonly boot: Boot; readonly listeners: ListenerBoard; readonly ownWanted: OwnWanted },
) {
  const events = await host.start(
    'events',
    startEventsControl,
    ({ settings }) => ({ events: settings.events, listen: settings.listen }),
    { socketPath: stateSocketOf(boot, 'events'), ownWanted, listeners },
  )
  return { events }
}
