import type { NotedEvent, Timeline, TimelineEvent } from '../../contracts/timeline.ts'
import type { Part, Scope } from '../../platform/capability.ts'
import type { ChangeBatch, Instance } from '../discovery/model.ts'
import type { TotalsStore } from '../gateway/totals.ts'
import type { Processes } from '../processes/api.ts'
import { EventRing } from './event-ring.ts'
import type { EventStore } from './event-store.ts'
import { goneEvent, processEvents, type SeenProcess, seenOf } from './process-events.ts'
import { registryEvents, seenInstance, type SeenInstance } from './registry-events.ts'
import { registerTimelineRoute } from './routes.ts'

/** What the timeline looks at. */
export interface TimelineNeeds {
  readonly store: EventStore
  readonly processes: Pick<Processes, 'services' | 'instances' | 'override' | 'onChange'>
  readonly discovery: RegistryNeed
  readonly totals: Pick<TotalsStore, 'onTotals' | 'instances'>
}

/** The registry, as far as this looks at it. */
export interface RegistryNeed {
  services(): Iterable<{ readonly name: string }>
  instances(service: string): Iterable<Instance>
  subscribe(target: 'all', listener: (batch: ChangeBatch) => void): () => void
}

/** Several events are stored together. */
const SAVE_MS = 500
/** Events that wait for a disk that does not answer; beyond it the oldest are only in memory. */
const UNSAVED_MAX = 2_000

/** Notes what happens: starts, crashes, health, registrations, ejections, scale, what operators do, and what others note. */
export async function startTimeline(
  _config: object,
  needs: TimelineNeeds,
  scope: Scope,
): Promise<Part<object, Timeline>> {
  const stored = await needs.store.load()
  const ring = new EventRing(stored, stored.at(-1)?.seq ?? 0)
  const waiting = new Set<() => void>()
  let unsaved: TimelineEvent[] = []
  let isSaving = false

  function note(noted: NotedEvent): void {
    const event = ring.add(noted, scope.clock.nowMs())
    if (event === undefined) return
    unsaved.push(event)
    if (unsaved.length > UNSAVED_MAX) unsaved.shift()
    if (!isSaving) {
      isSaving = true
      scope.clock.after(SAVE_MS, () => void save())
    }
    for (const wake of waiting) wake()
  }

  async function save(): Promise<void> {
    const events = unsaved
    unsaved = []
    try {
      await needs.store.save(events, ring.oldest)
    } catch (error) {
      // They stay in memory; nothing but the memory of a restart is lost.
      scope.log('warn', 'events of the timeline could not be stored', {
        count: events.length,
        error,
      })
    }
    isSaving = unsaved.length > 0
    if (isSaving) scope.clock.after(SAVE_MS, () => void save())
  }

  scope.stopping.addEventListener('abort', () => {
    for (const wake of waiting) wake()
  })
  note({
    kind: 'system',
    severity: 'info',
    service: '',
    instance: '',
    text: 'the control plane was started',
  })
  watchProcesses(needs, note)
  watchRegistry(needs, note)
  watchEjections(needs, scope, note)
  scope.onStop(() => (unsaved.length > 0 ? save() : undefined))
  return {
    api: { note },
    routes: [(app) => registerTimelineRoute(app, ring, waiting, scope)],
    metrics: () => [
      {
        name: 'backplane_timeline_events_total',
        help: 'Events that were noted, over all starts.',
        type: 'counter',
        samples: [{ labels: {}, value: ring.last }],
      },
    ],
  }
}

function watchProcesses({ processes }: TimelineNeeds, note: (event: NotedEvent) => void): void {
  const seen = new Map<string, Map<string, SeenProcess>>()
  const wishes = new Map<string, string>()

  // What is there at the start did not happen now.
  for (const { name } of processes.services()) {
    seen.set(name, new Map(processes.instances(name).map((view) => [view.id, seenOf(view)])))
    wishes.set(name, wishOf(name))
  }

  function wishOf(name: string): string {
    const { instances, isStopped = false } = processes.override(name) ?? {}
    if (isStopped) return 'stopped'
    return instances === undefined ? '' : `scaled to ${instances}`
  }

  function look(name: string): void {
    const before = seen.get(name) ?? new Map<string, SeenProcess>()
    const views = processes.instances(name)
    const after = new Map(views.map((view) => [view.id, seenOf(view)]))
    for (const view of views) {
      for (const event of processEvents(name, before.get(view.id), view)) note(event)
    }
    for (const [id, one] of before) {
      const event = after.has(id) ? undefined : goneEvent(name, id, one)
      if (event !== undefined) note(event)
    }
    if (after.size > 0) seen.set(name, after)
    else seen.delete(name)
    lookAtWish(name)
  }

  function lookAtWish(name: string): void {
    const wish = wishOf(name)
    if (wish === (wishes.get(name) ?? '')) return
    wishes.set(name, wish)
    const text = wish === '' ? 'runs as the file says again' : `${wish} by an operator`
    note({ kind: 'operator', severity: 'info', service: name, instance: '', text })
  }

  processes.onChange((services) => {
    for (const name of services) look(name)
  })
}

function watchRegistry({ discovery }: TimelineNeeds, note: (event: NotedEvent) => void): void {
  const seen = new Map<string, SeenInstance>()
  for (const { name } of discovery.services()) {
    for (const one of discovery.instances(name)) seen.set(`${name} ${one.id}`, seenInstance(one))
  }
  discovery.subscribe('all', ({ changes }) => {
    for (const change of changes) {
      const { service, id } = change.instance
      const key = `${service} ${id}`
      for (const event of registryEvents(seen.get(key), change)) note(event)
      if (change.action === 'removed') seen.delete(key)
      else seen.set(key, seenInstance(change.instance))
    }
  })
}

function watchEjections(
  { totals }: TimelineNeeds,
  scope: Scope,
  note: (event: NotedEvent) => void,
): void {
  let ejected = new Map<string, { readonly service: string; readonly id: string }>()
  totals.onTotals(() => {
    const nowMs = scope.clock.nowMs()
    const now = new Map<string, { readonly service: string; readonly id: string }>()
    for (const { service, id, ejectedUntilMs } of totals.instances()) {
      if (ejectedUntilMs <= nowMs) continue
      const key = `${service} ${id}`
      now.set(key, { service, id })
      if (ejected.has(key)) continue
      const text = `was ejected for ${Math.ceil((ejectedUntilMs - nowMs) / 1_000)} s: it failed, or was slower than the others`
      note({ kind: 'ejection', severity: 'warning', service, instance: id, text })
    }
    for (const [key, { service, id }] of ejected) {
      if (now.has(key)) continue
      note({
        kind: 'ejection',
        severity: 'info',
        service,
        instance: id,
        text: 'may be chosen again',
      })
    }
    ejected = now
  })
}
