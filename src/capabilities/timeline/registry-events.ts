import type { NotedEvent } from '../../contracts/timeline.ts'
import type { Change, Instance } from '../discovery/model.ts'

/** What is remembered of an instance. */
export interface SeenInstance {
  readonly health: Instance['health']
  readonly override: string
}

const OUTPUT_UNITS_MAX = 300

/** What a change of the registry means for people; nothing for heartbeats and what else nobody asks for afterwards. */
export function registryEvents(
  before: SeenInstance | undefined,
  { action, instance }: Change,
): readonly NotedEvent[] {
  const { service, id, origin, source } = instance
  const about = { service, instance: id }
  const isOurs = origin === 'run' || origin === 'at'
  if (action === 'removed') {
    if (isOurs) return []
    return [
      { ...about, kind: 'registration', severity: 'info', text: `left the registry (${source})` },
    ]
  }
  const events: NotedEvent[] = []
  if (before === undefined && !isOurs) {
    const where = `${instance.host}:${instance.port}`
    events.push({
      ...about,
      kind: 'registration',
      severity: 'info',
      text: `was registered (${source}) at ${where}`,
    })
  }
  const override = instance.override ?? ''
  if (before !== undefined && override !== before.override) {
    const why = instance.overrideReason === '' ? '' : `: ${instance.overrideReason}`
    const text =
      override === '' ? 'is no longer kept from its own status' : `is set to ${override}${why}`
    events.push({ ...about, kind: 'operator', severity: 'info', text })
  }
  const event = healthEvent(before?.health, instance)
  return event === undefined ? events : [...events, { ...about, ...event }]
}

/** How an instance is remembered. */
export function seenInstance({ health, override }: Instance): SeenInstance {
  return { health, override: override ?? '' }
}

function healthEvent(
  before: Instance['health'] | undefined,
  { health, checks }: Instance,
): Pick<NotedEvent, 'kind' | 'severity' | 'text'> | undefined {
  if (health === before || health === 'unknown') return undefined
  if (health === 'draining')
    return { kind: 'health', severity: 'info', text: 'takes no further requests' }
  if (health === 'passing') {
    const text = before === 'critical' || before === 'warning' ? 'is well again' : 'is healthy'
    return { kind: 'health', severity: 'info', text }
  }
  const failing = checks.find((check) => check.status === health)
  const said =
    failing === undefined || failing.output === ''
      ? ''
      : `: ${failing.output.split('\n', 1)[0]!.slice(0, OUTPUT_UNITS_MAX)}`
  // Before it was ever well it is starting, and its check is expected to fail.
  if (before === undefined || before === 'unknown') return undefined
  return health === 'critical'
    ? { kind: 'health', severity: 'error', text: `fails its check${said}` }
    : { kind: 'health', severity: 'warning', text: `has a warning${said}` }
}
