import type { Instance } from '../discovery/model.ts'
import type { Registration } from '../discovery/registration.ts'

/** What was registered here under an id on the node. */
export type Registered = Pick<Registration, 'source' | 'checks'> & {
  /** By which the registry knows it. */
  readonly id: string
  /** Where it says that it is. */
  readonly host: string
}

/**
 * The registration that a client means by the id of an instance on its node. An instance that Backplane runs has registered under another id than its own; one
 * that never registered has none.
 */
export function registeredAs(instance: Instance): Registered | undefined {
  const { id, source, idOnNode, host } = instance
  if (instance.origin === 'registered') {
    return { id, source, host, checks: instance.checks.map(({ spec }) => spec) }
  }
  const twin = instance.twins.find(({ spec }) => spec.idOnNode === idOnNode)
  return (
    twin && { id: twin.spec.id, source: twin.source, host: twin.spec.host, checks: twin.checks }
  )
}
