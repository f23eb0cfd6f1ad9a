/** Names as they are written, found in any case: DNS, Consul and Eureka do not tell `Orders` from `orders`. */
export class NameBook {
  /** Of names that are not in lower case, by their lower case. */
  readonly #others = new Map<string, Set<string>>()

  add(name: string): void {
    const lower = name.toLowerCase()
    if (lower === name) return
    let names = this.#others.get(lower)
    if (names === undefined) this.#others.set(lower, (names = new Set()))
    names.add(name)
  }

  delete(name: string): void {
    const lower = name.toLowerCase()
    const names = this.#others.get(lower)
    names?.delete(name)
    if (names?.size === 0) this.#others.delete(lower)
  }

  /** The exact name, then the one in lower case, then the first of the others. */
  find(anyCase: string, known: { has(name: string): boolean }): string | undefined {
    if (known.has(anyCase)) return anyCase
    const lower = anyCase.toLowerCase()
    if (known.has(lower)) return lower
    const [first] = this.#others.get(lower) ?? []
    return first
  }
}
