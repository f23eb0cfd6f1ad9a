import { isDeepStrictEqual } from 'node:util'
import type { Scope } from '../../platform/capability.ts'
import type { ServiceSettings } from '../../settings.ts'
import type { ProcessSpec, ProcessStatus } from '../../contracts/supervisor.ts'
import type { DiscoveryNeed, GatewayNeed, SupervisorNeed } from './needs.ts'
import { createFailingWatch } from './failing-watch.ts'
import type { Slot } from './slot.ts'
import { isTaskFinished, planInstances } from './plan.ts'

/** What one supervised service should be. */
export interface Wanted {
  readonly settings: ServiceSettings
  readonly target: number
  specify(slot: number): ProcessSpec
  /** A process with this specification may stay. */
  fits(spec: ProcessSpec): boolean
  /** All of `after` are healthy or finished. */
  mayStart(): boolean
}

/** The instances of one supervised service, and what moves them towards what is wanted. */
export interface ServiceRun {
  readonly name: string
  slots(): readonly Slot[]
  /** Acts with the next `reconcile`: what waits for other services must not be decided by what those were. */
  want(wanted: Wanted): void
  wanted(): Wanted
  /** Takes over a process that a former control plane started. */
  adopt(status: ProcessStatus, wasRoutable: boolean): void
  observe(status: ProcessStatus): void
  /** Replaces every instance, one after the other, or one of them. */
  restart(slot?: Slot): void
  /** When there are to be fewer, this one goes first. */
  unwant(slot: Slot): void
  /** Looks again at what is to do: something around it has changed. */
  reconcile(): void
  /** A task whose process that is wanted now has ended with 0. */
  isFinished(): boolean
  /** Some instance is of a former specification or generation, and is not gone yet. */
  isReplacing(): boolean
}

export interface ServiceRunNeeds {
  readonly supervisor: SupervisorNeed
  readonly discovery: DiscoveryNeed
  readonly gateway: GatewayNeed
  readonly scope: Scope
  /** A slot came, went, or changed its state. */
  changed(): void
}

export function createServiceRun(name: string, first: Wanted, needs: ServiceRunNeeds): ServiceRun {
  const { supervisor, discovery, gateway, scope } = needs
  const slots = new Map<number, Slot>()
  const ended = new Map<number, () => void>()
  let wanted = first
  let generation = 0
  let lastIncarnation = 0
  const failing = createFailingWatch(
    scope.clock,
    (slot) => !slot.spec.task && discovery.isFailing(name, slot.spec.id),
    (slot) => {
      const { id } = slot.spec
      scope.log('warn', 'restarted, because its check failed for so long', {
        service: name,
        instance: id,
        health: { restartMs: wanted.settings.health.restart },
      })
      slot.generation = -1
      reconcile()
    },
  )
  let isReconciling = false
  let mustLookAgain = false

  function isCurrent(slot: Slot): boolean {
    return slot.generation === generation && wanted.fits(slot.spec)
  }

  function isUp(slot: Slot): boolean {
    return slot.spec.task ? true : discovery.isRoutable(name, slot.spec.id)
  }

  /** What an action changes calls back at once: that is looked at when all of the plan is done, since it was made for what was there. */
  function reconcile(): void {
    if (isReconciling) {
      mustLookAgain = true
      return
    }
    isReconciling = true
    try {
      do {
        mustLookAgain = false
        reconcileOnce()
      } while (mustLookAgain)
    } finally {
      isReconciling = false
    }
  }

  function reconcileOnce(): void {
    if (scope.stopping.aborted) return
    failing.look(slots.values(), wanted.settings.health.restart)
    const actions = planInstances({
      slots: [...slots.values()].map((slot) => ({
        number: slot.number,
        isCurrent: isCurrent(slot),
        isUp: isUp(slot),
        isRetiring: slot.isRetiring,
        isUnwanted: slot.isUnwanted,
      })),
      target: wanted.target,
      maySurge: wanted.settings.port === undefined && !wanted.settings.task,
      mayStart: wanted.mayStart(),
    })
    for (const action of actions) {
      if (action.do === 'start') start(action.number)
      else void retire(action.number)
    }
    if (actions.length > 0) needs.changed()
  }

  function start(number: number): void {
    lastIncarnation = Math.max(lastIncarnation + 1, scope.clock.nowMs())
    const spec = { ...wanted.specify(number), incarnation: lastIncarnation }
    slots.set(number, {
      number,
      spec,
      generation,
      status: undefined,
      isRetiring: false,
      isUnwanted: false,
      registeredPort: 0,
    })
    scope.log('info', 'starting', { service: name, instance: spec.id })
    supervisor.send({ type: 'start', spec })
  }

  /** Out of rotation, drained, signal: in this order, so that no request in flight is lost. */
  async function retire(number: number): Promise<void> {
    const slot = slots.get(number)
    if (slot === undefined || slot.isRetiring) return
    slot.isRetiring = true
    const { id } = slot.spec
    if (slot.registeredPort !== 0) {
      discovery.drain(name, id)
      // Also where a check has taken it out before: what was in flight then may still be.
      if (!(await gateway.drained(name, id, wanted.settings.stop.drain))) {
        scope.log('warn', 'requests were still in flight when the time to drain was over', {
          service: name,
          instance: id,
        })
      }
    }
    await endProcess(slot)
    slots.delete(number)
    supervisor.send({ type: 'forget', id })
    discovery.remove(name, id)
    needs.changed()
    reconcile()
  }

  async function endProcess(slot: Slot): Promise<void> {
    const { id } = slot.spec
    if (hasEnded(slot.status)) return
    const gone = Promise.withResolvers<void>()
    ended.set(slot.number, gone.resolve)
    scope.log('info', 'stopping', { service: name, instance: id })
    supervisor.send({ type: 'stop', id })
    await gone.promise
    ended.delete(slot.number)
  }

  function observe(status: ProcessStatus): void {
    const slot = [...slots.values()].find((one) => one.spec.id === status.spec.id)
    if (slot === undefined) return meetStray(status)
    // About a former process with this id.
    if (slot.spec.incarnation !== status.spec.incarnation) return
    slot.status = status
    register(slot, false)
    if (hasEnded(status)) ended.get(slot.number)?.()
    reconcile()
  }

  /** A process that is not known here: it was about to start when this control plane asked what there is, or it has just been forgotten. */
  function meetStray(status: ProcessStatus): void {
    if (hasEnded(status)) supervisor.send({ type: 'forget', id: status.spec.id })
    else adopt(status, false)
    reconcile()
  }

  function adopt(status: ProcessStatus, wasRoutable: boolean): void {
    const { id, incarnation = 0, task, restart } = status.spec
    const number = Number(id.slice(name.length + 1))
    lastIncarnation = Math.max(lastIncarnation, incarnation)
    const slot: Slot = {
      number,
      spec: status.spec,
      generation,
      status,
      isRetiring: false,
      isUnwanted: false,
      registeredPort: 0,
    }
    slots.set(number, slot)
    register(slot, wasRoutable)
    // A former control plane was about to take it away. What has ended keeps its slot where it is not to be started again.
    const { state } = status.state
    const isResult = task || restart.policy !== 'always' || isGivenUp(status)
    if (state === 'stopping' || (state === 'exited' && !isResult)) void retire(number)
  }

  /** A process that stays has the newest variables when the supervisor starts it again. A task is not touched: it might run twice. */
  function renew(slot: Slot): void {
    if (slot.spec.task || slot.isRetiring || hasEnded(slot.status) || !isCurrent(slot)) return
    const { incarnation } = slot.spec
    const next = wanted.specify(slot.number)
    const spec = incarnation === undefined ? next : { ...next, incarnation }
    if (isDeepStrictEqual(spec, slot.spec)) return
    slot.spec = spec
    supervisor.send({ type: 'start', spec })
  }

  /** Discovery knows an instance exactly as long as its process runs. */
  function register(slot: Slot, wasRoutable: boolean): void {
    const state = slot.status?.state
    const { id, task } = slot.spec
    if (task || slot.isRetiring) return
    // Who listens on its fixed port must be itself: another program would be called healthy and be sent its requests.
    const isOwn = (slot.status?.portUser?.kind ?? 'own') === 'own'
    const port = state?.state === 'running' && isOwn ? state.port : 0
    if (port === slot.registeredPort) return
    if (slot.registeredPort !== 0) discovery.remove(name, id)
    slot.registeredPort = port
    if (port === 0) return
    const { weight, health } = wanted.settings
    try {
      discovery.put({ service: name, id, host: '127.0.0.1', port, weight, health, wasRoutable })
    } catch (error) {
      // The registry is full: it runs without traffic, and is given again with its next change.
      slot.registeredPort = 0
      scope.log('error', 'an instance could not be registered', { service: name, id, error })
    }
  }

  return {
    name,
    slots: () => [...slots.values()],
    wanted: () => wanted,
    want(next) {
      wanted = next
      for (const slot of slots.values()) renew(slot)
    },
    adopt,
    observe,
    restart(slot) {
      if (slot === undefined) generation++
      else slot.generation = -1
      reconcile()
    },
    unwant(slot) {
      slot.isUnwanted = true
    },
    reconcile,
    isReplacing: () => [...slots.values()].some((slot) => !isCurrent(slot)),
    isFinished: () =>
      isTaskFinished(
        [...slots.values()].map((slot) => ({
          isCurrent: isCurrent(slot),
          isRetiring: slot.isRetiring,
          hasSucceeded: slot.status?.state.state === 'exited' && slot.status.state.exit.code === 0,
        })),
      ),
  }
}

function isGivenUp({ state }: ProcessStatus): boolean {
  return state.state === 'exited' && state.isGivenUp === true
}

function hasEnded(status: ProcessStatus | undefined): boolean {
  return status?.state.state === 'exited' || status?.state.state === 'failed'
}
