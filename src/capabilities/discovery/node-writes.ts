import type { NodeWrites } from './api.ts'
import type { CheckSpec } from './check-spec.ts'
import { instanceUnknownError } from './errors.ts'
import type { NodeStore } from './node-store.ts'
import { InstanceRecord } from './records.ts'
import type { Registrations } from './registration-store.ts'
import type { Registry } from './registry.ts'

/** The name under which an instance registered what is asked for: one of the house has registered under another one. */
function registeredAs(
  instance: InstanceRecord,
  asked: { readonly check?: string; readonly idOnNode?: string | undefined },
): Pick<InstanceRecord, 'service' | 'id'> {
  const twin = instance.twins.find(({ spec, checks }) =>
    asked.check === undefined
      ? spec.idOnNode === asked.idOnNode
      : checks.some((one) => (one.id ?? one.kind) === asked.check),
  )
  return twin?.spec ?? instance
}

/** Nodes and the checks that are known by their id on a node. */
export function createNodeWrites(
  registry: Registry,
  nodes: NodeStore,
  registrations: Registrations,
): NodeWrites {
  /** False when there is no such check. `exceptOf`: the owner that keeps it. */
  async function dropCheck(node: string, id: string, exceptOf?: unknown): Promise<boolean> {
    const owner = registry.nodes.get(node)?.checksById.get(id)?.owner
    if (owner === undefined) return false
    const without = (specs: readonly CheckSpec[]) => specs.filter((spec) => spec.id !== id)
    if (owner === exceptOf) return true
    if (owner instanceof InstanceRecord) {
      await registrations.changeChecks(registeredAs(owner, { check: id }), without)
    } else await nodes.changeChecks(node, without)
    return true
  }
  return {
    registerNode: (spec) => nodes.register(spec),
    async deregisterNode(name) {
      const node = registry.nodes.get(name)
      if (node === undefined) return false
      const registered = [...node.instances.values()].filter(
        ({ origin }) => origin === 'registered',
      )
      await Promise.all(registered.map(({ service, id }) => registrations.deregister(service, id)))
      await nodes.deregister(name)
      return true
    },
    setNodeMaintenance: (name, reason) => nodes.setMaintenance(name, reason),
    async registerCheck(node, idOnNode, given) {
      const spec: CheckSpec = { ...given, isUniqueOnNode: true }
      const record = registry.nodes.get(node)
      const instance = idOnNode === undefined ? undefined : record?.instances.get(idOnNode)
      if (idOnNode !== undefined && instance === undefined) {
        throw instanceUnknownError(node, idOnNode)
      }
      await dropCheck(node, spec.id ?? spec.kind, instance ?? record)
      const withIt = (specs: readonly CheckSpec[]) => [
        ...specs.filter((one) => (one.id ?? one.kind) !== (spec.id ?? spec.kind)),
        spec,
      ]
      if (instance === undefined) await nodes.changeChecks(node, withIt)
      else await registrations.changeChecks(registeredAs(instance, { idOnNode }), withIt)
    },
    deregisterCheck: (node, check) => dropCheck(node, check),
    reportNodeCheck(node, id, status, output) {
      const check = registry.nodes.get(node)?.checksById.get(id)
      if (check === undefined) return false
      registry.checks.report(check, { status, output, durationMs: 0 })
      return true
    },
  }
}
