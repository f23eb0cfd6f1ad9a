import type { ServiceView } from '../../../../src/contracts/feed.ts'
import { formatNoun, formatSetting } from '../../format.ts'

/** How a service is stopped, as the effective configuration says; '' where it is not known. */
export interface StopSettings {
  readonly drain: string
  readonly signal: string
  readonly grace: string
}

/** Reads `services.<name>.stop` of the effective configuration. */
export function stopSettingsOf(effective: unknown, service: string): StopSettings {
  const stop = ['services', service, 'stop'].reduce<unknown>(
    (value, key) => (isRecord(value) ? value[key] : undefined),
    effective,
  )
  const read = (key: string): string => formatSetting(isRecord(stop) ? stop[key] : undefined)
  return { drain: read('drain'), signal: read('signal'), grace: read('grace') }
}

/** What happens to `count` instances that are stopped. */
export function stopText(count: number, stop: StopSettings): string {
  const drained = stop.drain === '' ? 'drained' : `drained for at most ${stop.drain}`
  const signal = stop.signal === '' ? 'stopped' : `stopped with ${stop.signal}`
  const killed = stop.grace === '' ? '' : ` (SIGKILL after ${stop.grace})`
  const verb = count === 1 ? 'is' : 'are'
  return `${formatNoun(count, 'instance')} ${verb} taken out of rotation, ${drained}, then ${signal}${killed}`
}

/** What a restart does, in a sentence or two. */
export function restartText(service: ServiceView, stop: StopSettings): string {
  const count = service.instanceCount
  if (count === 0) return 'No instance runs now; the wanted ones are started.'
  const order = count === 1 ? '' : ', one after the other'
  return `${stopText(count, stop)}, and started again${order}. ${
    count === 1 ? 'It returns' : 'Each returns'
  } to rotation when its checks pass.`
}

/** What a change of the number of instances does. */
export function scaleText(service: ServiceView, wanted: number, stop: StopSettings): string {
  const change = wanted - service.wanted
  if (change === 0)
    return `${service.name} already has ${formatNoun(service.wanted, 'instance')}; nothing changes.`
  const what =
    change > 0
      ? `${formatNoun(change, 'instance')} ${change === 1 ? 'is' : 'are'} started, and ${
          change === 1 ? 'gets' : 'get'
        } requests when ${change === 1 ? 'its' : 'their'} checks pass.`
      : `${stopText(-change, stop)}.`
  const kept =
    wanted === service.wantedByFile
      ? ' This is what the file says, so the difference goes away.'
      : ` The file says ${service.wantedByFile}; the difference is kept until it is cleared.`
  return what + kept
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
