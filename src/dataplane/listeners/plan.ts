import type { ListenerSpec, ListenerStatus } from '../../contracts/snapshot.ts'
import type { ListenerBinding, ListenerError } from '../threads/messages.ts'
import { addressesOf, probePort } from './probe.ts'

/** Finds ports for the listeners of a snapshot and remembers what is open. */
export interface ListenerPlan {
  /** Probes what is new; what was open stays as it is, with the port that it had. Listeners whose port is taken are left out. */
  decide(specs: readonly ListenerSpec[]): Promise<readonly ListenerBinding[]>
  /** The listeners of the last decision. */
  readonly bindings: readonly ListenerBinding[]
  /** State of every listener of the last decision, with what the workers could not open. */
  status(errors: readonly ListenerError[]): readonly ListenerStatus[]
}

export function createListenerPlan(): ListenerPlan {
  let specs: readonly ListenerSpec[] = []
  let bindings: readonly ListenerBinding[] = []
  let probeErrors = new Map<string, string>()

  /** A port that our workers hold already cannot be probed, and need not be. */
  function findOpen(spec: ListenerSpec): number | undefined {
    for (const open of bindings) {
      if (open.spec.host !== spec.host) continue
      if (spec.port === 0 ? open.spec.id === spec.id : open.port === spec.port) return open.port
    }
    return undefined
  }

  return {
    async decide(wanted) {
      const next: ListenerBinding[] = []
      const errors = new Map<string, string>()
      for (const spec of wanted) {
        const addresses = addressesOf(spec)
        const open = findOpen(spec)
        const probe =
          open === undefined ? await probePort(addresses[0]!, spec.port) : { port: open, error: '' }
        const isTwice = next.some(
          (listener) => listener.port === probe.port && listener.spec.host === spec.host,
        )
        const error = isTwice
          ? `${spec.host}:${probe.port} is the port of another listener`
          : probe.error
        if (error === '') next.push({ spec, addresses, port: probe.port })
        else errors.set(spec.id, error)
      }
      specs = wanted
      bindings = next
      probeErrors = errors
      return next
    },
    get bindings() {
      return bindings
    },
    status(workerErrors) {
      return specs.map((spec) => {
        const port = bindings.find((listener) => listener.spec.id === spec.id)?.port ?? spec.port
        const failed = workerErrors.find((entry) => entry.id === spec.id)
        return {
          id: spec.id,
          host: spec.host,
          port,
          error: probeErrors.get(spec.id) ?? failed?.error ?? '',
        }
      })
    },
  }
}
