import type { Clock } from '../../platform/capability.ts'
import type { Discovery } from '../discovery/api.ts'
import { addressData } from './endpoints.ts'

/** What has an address. */
export interface Holder {
  readonly kind: 'node' | 'service'
  readonly name: string
}

/** Names that one address is told to have; what goes beyond is left out. */
const HOLDERS_MAX = 16
/** The registry is looked through at most this often. */
const AGE_MS = 1_000

/** Which names an address has. Made when somebody asks, and again after a change, at most once a second. */
export class ReverseNames {
  readonly #registry: Pick<Discovery, 'services' | 'instances' | 'nodes' | 'indexOf'>
  readonly #clock: Clock
  readonly #shownNode: (name: string) => string
  #byAddress: ReadonlyMap<string, readonly Holder[]> = new Map()
  #index = -1
  #madeAtMs = -Infinity

  constructor(
    registry: Pick<Discovery, 'services' | 'instances' | 'nodes' | 'indexOf'>,
    clock: Clock,
    shownNode: (name: string) => string,
  ) {
    this.#registry = registry
    this.#clock = clock
    this.#shownNode = shownNode
  }

  find(address: Uint8Array): readonly Holder[] {
    const index = this.#registry.indexOf('all')
    const nowMs = this.#clock.monotonicMs()
    if (index !== this.#index && nowMs - this.#madeAtMs >= AGE_MS) {
      this.#byAddress = this.#make()
      this.#index = index
      this.#madeAtMs = nowMs
    }
    return this.#byAddress.get(Buffer.from(address).toString('hex')) ?? []
  }

  #make(): ReadonlyMap<string, readonly Holder[]> {
    const found = new Map<string, Holder[]>()
    const keys = new Map<string, string | undefined>()
    const keyOf = (host: string): string | undefined => {
      if (!keys.has(host)) keys.set(host, hexOf(host))
      return keys.get(host)
    }
    const add = (host: string, holder: Holder): void => {
      const key = keyOf(host)
      if (key === undefined) return
      const holders = found.get(key)
      if (holders === undefined) found.set(key, [holder])
      else if (holders.length < HOLDERS_MAX && holders.at(-1)?.name !== holder.name) {
        holders.push(holder)
      }
    }
    for (const { name, address } of this.#registry.nodes()) {
      add(address, { kind: 'node', name: this.#shownNode(name) })
    }
    for (const { name } of this.#registry.services()) {
      for (const { saidHost, isRoutable } of this.#registry.instances(name)) {
        if (isRoutable) add(saidHost, { kind: 'service', name })
      }
    }
    return found
  }
}

function hexOf(host: string): string | undefined {
  const data = addressData(host)
  return data && Buffer.from(data.address).toString('hex')
}
