import type { SetAside } from '../../platform/storage/set-aside.ts'
import type { Storage } from '../../platform/storage/storage.ts'
import type { CheckSpec } from './check-spec.ts'
import { checksFullError, nodesFullError } from './errors.ts'
import type { Node, NodeSpec } from './model.ts'
import type { Plan } from './plan.ts'
import { readStoredRows } from './read-rows.ts'
import type { NodeRecord } from './records.ts'
import { REGISTRATION_LIMITS } from './registration.ts'
import type { Registry } from './registry.ts'
import { parseStoredNode, type StoredNode } from './stored.ts'
import { forgetTold } from './told-states.ts'

/** Nodes that are kept; beyond it a new one is refused. */
export const NODES_MAX = 10_000

/** Nodes, their own checks and their maintenance, which outlive a restart: in the registry after they are on disk. */
export class NodeStore {
  readonly #registry: Registry
  readonly #storage: Storage
  readonly #setAside: SetAside
  /** One write of nodes at a time: each sees what the one before it has done. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(registry: Registry, storage: Storage, setAside: SetAside) {
    this.#registry = registry
    this.#storage = storage
    this.#setAside = setAside
  }

  /** Before the registrations, which live on them. */
  async restore(): Promise<void> {
    const from = { storage: this.#storage, setAside: this.#setAside }
    await readStoredRows(from, 'discovery_nodes', ['name'], (row) => {
      this.#apply(parseStoredNode(String(row['name']), String(row['body'])))
    })
  }

  /** Throws `ERR_DISCOVERY_NODES_FULL`, `StorageError`. */
  register(spec: NodeSpec): Promise<Node> {
    return this.#inOrder(async () => {
      this.#refuseMore(spec.name)
      const stored = this.storedOf(spec.name)
      const uuid = spec.uuid ?? stored.spec.uuid
      const told = { ...spec, ...(uuid === undefined ? {} : { uuid }) }
      return this.#store({ ...stored, spec: told, isRegistered: true })
    })
  }

  /** Its own checks and its maintenance go with it. */
  deregister(name: string): Promise<void> {
    return this.#inOrder(async () => {
      const { statements, apply } = this.planDrop(name)
      await this.#storage.write(statements)
      apply()
    })
  }

  /** What the end of a node stores, and does when it is stored. */
  planDrop(name: string): Plan {
    return {
      statements: [
        { sql: 'DELETE FROM discovery_nodes WHERE name = ?', params: [name] },
        forgetTold('', name),
      ],
      apply: () => {
        const node = this.#registry.nodes.get(name)
        if (node !== undefined) this.#registry.dropNode(node)
      },
    }
  }

  /** What a node stores, and does when it is stored. Throws `ERR_DISCOVERY_NODES_FULL`. */
  planPut(node: StoredNode): Plan<NodeRecord> {
    this.#refuseMore(node.spec.name)
    if (node.checks.length > REGISTRATION_LIMITS.checksMax) {
      throw checksFullError(`Node '${node.spec.name}'`, node.checks.length)
    }
    return {
      statements: [
        {
          sql: 'INSERT OR REPLACE INTO discovery_nodes (name, body) VALUES (?, ?)',
          params: [node.spec.name, JSON.stringify(node)],
        },
      ],
      apply: () => this.#apply(node),
    }
  }

  /** Runs when every write of nodes that is under way is over, and before those that come later. */
  exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#inOrder(work)
  }

  /** A node as it would be stored now. */
  storedOf(name: string): StoredNode {
    return storedOf(name, this.#registry.nodes.get(name))
  }

  /** Throws `ERR_DISCOVERY_CHECKS_FULL`, `StorageError`. */
  changeChecks(
    name: string,
    change: (specs: readonly CheckSpec[]) => readonly CheckSpec[],
  ): Promise<void> {
    return this.#inOrder(async () => {
      const stored = this.storedOf(name)
      const checks = change(stored.checks)
      if (checks.length > Math.max(stored.checks.length, REGISTRATION_LIMITS.checksMax)) {
        throw checksFullError(`Node '${name}'`, stored.checks.length)
      }
      await this.#store({ ...stored, checks })
    })
  }

  /** Undefined ends it. */
  setMaintenance(name: string, maintenance: string | undefined): Promise<void> {
    return this.#inOrder(async () => {
      const stored = this.storedOf(name)
      await this.#store({ ...stored, maintenance })
    })
  }

  async #store(node: StoredNode): Promise<NodeRecord> {
    const { statements, apply } = this.planPut(node)
    await this.#storage.write(statements)
    return apply()
  }

  #refuseMore(name: string): void {
    const { size } = this.#registry.nodes
    if (size >= NODES_MAX && !this.#registry.nodes.has(name)) throw nodesFullError(size)
  }

  #apply({ spec, isRegistered, checks, maintenance }: StoredNode): NodeRecord {
    const node = this.#registry.putNode(spec, isRegistered)
    this.#registry.setNodeMaintenance(node, maintenance)
    const before = JSON.stringify(node.checks.map((check) => check.spec))
    if (before !== JSON.stringify(checks)) this.#registry.replaceNodeChecks(node, checks)
    return node
  }

  #inOrder<Result>(work: () => Promise<Result>): Promise<Result> {
    const mine = this.#last.then(work, work)
    this.#last = mine
    return mine
  }
}

function storedOf(name: string, node: NodeRecord | undefined): StoredNode {
  if (node === undefined) return { spec: { name, address: '' }, isRegistered: false, checks: [] }
  const { uuid, address, taggedAddresses, meta, isRegistered, maintenance } = node
  return {
    spec: { name, address, ...(uuid === '' ? {} : { uuid }), taggedAddresses, meta },
    isRegistered,
    checks: node.checks.map(({ spec }) => spec),
    maintenance,
  }
}
