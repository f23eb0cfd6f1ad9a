import { ProblemError } from '../../platform/problem.ts'
import type { ServiceSettings } from '../../settings.ts'
import type { Override } from './needs.ts'

/** What the file says, without overrides. */
export function fileTarget(settings: ServiceSettings): number {
  return typeof settings.instances === 'number' ? settings.instances : settings.instances.min
}

/** The wanted number. One that was set at run time holds within what the file allows now, and stands above what the scaler wants. */
export function targetOf(
  settings: ServiceSettings,
  override: Override | undefined,
  scaled?: number,
): number {
  if (override?.isStopped === true) return 0
  if (override?.instances === undefined && scaled !== undefined)
    return Math.min(Math.max(scaled, fileTarget(settings)), scaleMaxOf(settings))
  const wanted = override?.instances ?? fileTarget(settings)
  return override === undefined ? wanted : Math.min(wanted, scaleMaxOf(settings))
}

/** The highest number that may be set at run time. */
export function scaleMaxOf(settings: ServiceSettings): number {
  if (settings.port !== undefined || settings.task) return 1
  return typeof settings.instances === 'number' ? 1000 : settings.instances.max
}

/** Throws `ProblemError` for a number beyond it. */
export function refuseScale(name: string, settings: ServiceSettings, instances: number): void {
  const max = scaleMaxOf(settings)
  if (instances <= max) return
  throw new ProblemError(
    400,
    'ERR_PROCESSES_SCALE_BOUND',
    `'${name}' may have at most ${max} instance${max === 1 ? '' : 's'}; ${instances} were asked for. Raise services.${name}.instances.max in the file.`,
  )
}
