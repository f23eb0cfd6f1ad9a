/** How many each client has; '' stands for nobody over the network. */
export class ClientCounts {
  readonly #counts = new Map<string, number>()
  #total = 0

  get total(): number {
    return this.#total
  }

  of(client: string): number {
    return this.#counts.get(client) ?? 0
  }

  add(client: string, more: number): void {
    this.#total += more
    const count = this.of(client) + more
    if (count === 0) this.#counts.delete(client)
    else this.#counts.set(client, count)
  }
}
