import type { Discovery } from '../discovery/api.ts'

/** Finds services whatever the case in which they are asked for (RFC 4343). */
export class ServiceNames {
  readonly #discovery: Pick<Discovery, 'service'>
  /** Names with capitals, by what they are in lower case. */
  readonly #folded = new Map<string, Set<string>>()

  constructor(discovery: Pick<Discovery, 'service'>) {
    this.#discovery = discovery
  }

  add(name: string): void {
    const folded = name.toLowerCase()
    if (folded === name) return
    const names = this.#folded.get(folded)
    if (names === undefined) this.#folded.set(folded, new Set([name]))
    else names.add(name)
  }

  remove(name: string): void {
    const folded = name.toLowerCase()
    const names = this.#folded.get(folded)
    if (names?.delete(name) === true && names.size === 0) this.#folded.delete(folded)
  }

  /** The name in the registry of what was asked for in lower case; undefined where there is none. */
  find(asked: string): string | undefined {
    if (this.#discovery.service(asked) !== undefined) return asked
    const [first] = this.#folded.get(asked) ?? []
    return first
  }
}
