/** Requests since the start, by operation and status: few and fixed labels. */
export class RequestCounts {
  readonly #counts = new Map<string, number>()

  add(operation: string, status: number): void {
    const key = `${operation} ${status}`
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
  }

  samples(): readonly {
    readonly labels: Readonly<Record<string, string>>
    readonly value: number
  }[] {
    return [...this.#counts].map(([key, value]) => {
      const [operation = '', status = ''] = key.split(' ')
      return { labels: { operation, status }, value }
    })
  }
}
