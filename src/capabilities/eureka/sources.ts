/** Which address each registration is renewed from; how many an address has. */
export class Sources {
  readonly #addressOf = new Map<string, string>()
  readonly #counts = new Map<string, number>()

  /** Undefined where nobody has renewed it since the start. */
  of(service: string, id: string): string | undefined {
    return this.#addressOf.get(`${service} ${id}`)
  }

  countOf(address: string): number {
    return this.#counts.get(address) ?? 0
  }

  note(service: string, id: string, address: string): void {
    const key = `${service} ${id}`
    if (this.#addressOf.get(key) === address) return
    this.#forget(key)
    this.#addressOf.set(key, address)
    this.#counts.set(address, this.countOf(address) + 1)
  }

  forget(service: string, id: string): void {
    this.#forget(`${service} ${id}`)
  }

  #forget(key: string): void {
    const address = this.#addressOf.get(key)
    if (address === undefined) return
    this.#addressOf.delete(key)
    const left = this.countOf(address) - 1
    if (left === 0) this.#counts.delete(address)
    else this.#counts.set(address, left)
  }
}
