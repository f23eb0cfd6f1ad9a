/** Texts by small numbers: a name or value that a million series have is kept once. */
export class Symbols {
  readonly #ids = new Map<string, number>()
  readonly #texts: string[] = []
  #bytes = 0

  get count(): number {
    return this.#texts.length
  }

  /** About what it holds in memory. */
  get bytes(): number {
    return this.#bytes
  }

  intern(text: string): number {
    const known = this.#ids.get(text)
    if (known !== undefined) return known
    const id = this.#texts.length
    this.#ids.set(text, id)
    this.#texts.push(text)
    // The text, its header, an entry of the map.
    this.#bytes += text.length + 64
    return id
  }

  /** Undefined where the text was never interned. */
  find(text: string): number | undefined {
    return this.#ids.get(text)
  }

  text(id: number): string {
    return this.#texts[id]!
  }
}
