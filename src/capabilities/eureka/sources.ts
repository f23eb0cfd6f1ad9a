/** Which address each registration is renewed from. */
export class Sources {
  readonly #addressOf = new Map<string, string>()

  /** Undefined where nobody has renewed it since the start. */
  of(service: string, id: string): string | undefined {
    return this.#addressOf.get(`${service} ${id}`)
  }

  note(service: string, id: string, address: string): void {
    this.#addressOf.set(`${service} ${id}`, address)
  }

  forget(service: string, id: string): void {
    this.#addressOf.delete(`${service} ${id}`)
  }
}
