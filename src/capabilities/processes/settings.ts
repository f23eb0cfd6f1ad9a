import type { SettingsPart } from '../../platform/config/part.ts'
import type { PortClaim } from '../../platform/listeners/table.ts'
import { checkProcesses, type ProcessesChecked } from './check-settings.ts'
import { serviceShape } from './schema.ts'

/** A fixed port is taken by the service itself. */
function claimPorts({ services }: ProcessesChecked): readonly PortClaim[] {
  return Object.entries(services).flatMap(([name, { run, port }]) =>
    run === undefined || port === undefined
      ? []
      : [
          {
            path: ['services', name, 'port'],
            name: `the service ${name}`,
            address: { host: '127.0.0.1', port },
          },
        ],
  )
}

/** The part of `backplane.yaml` that says what is run here. */
export const processesSettings = {
  service: serviceShape,
  check: checkProcesses,
  claims: claimPorts,
} as const satisfies SettingsPart
