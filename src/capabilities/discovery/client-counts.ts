import { parseAddress } from '../../mechanisms/cidr/address.ts'

/** How many each client has; '' stands for nobody over the network. The addresses of one /64 of IPv6 are one client: whoever has one has them all. */
export class ClientCounts {
  readonly #counts = new Map<string, number>()
  #total = 0

  get total(): number {
    return this.#total
  }

  of(client: string): number {
    return this.#counts.get(keyOf(client)) ?? 0
  }

  add(client: string, more: number): void {
    this.#total += more
    const count = this.of(client) + more
    if (count === 0) this.#counts.delete(keyOf(client))
    else this.#counts.set(keyOf(client), count)
  }
}

function keyOf(client: string): string {
  const address = parseAddress(client)
  if (address === undefined) return client
  return address.words.slice(0, address.family === 6 ? 2 : 1).join('.')
}
