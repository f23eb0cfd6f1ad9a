/** What has come by one way, since the start. */
export interface SourceHealth {
  readonly source: string
  readonly service: string
  taken: number
  /** Refused to senders that try again. */
  refused: number
  /** Thrown away, because the sender cannot try again. */
  shed: number
  /** Could not be read as what they should have been, and were kept as text. */
  unparsed: number
  firstAtMs: number
  lastAtMs: number
  /** Milliseconds from when the newest record happened to when it was taken. */
  lagMs: number
}

/** Ways that are told apart; further ones are counted together. */
const WAYS_MAX = 1_000
const OTHER = '(other)'

/** Which sources send what: new ones and silent ones are seen here. */
export class IngestHealth {
  readonly #ways = new Map<string, SourceHealth>()

  /** The counts of one way. */
  of(source: string, service: string): SourceHealth {
    const key = `${source}\n${service}`
    const known = this.#ways.get(key)
    if (known !== undefined) return known
    if (this.#ways.size >= WAYS_MAX && service !== OTHER) return this.of(source, OTHER)
    const made = {
      source,
      service,
      taken: 0,
      refused: 0,
      shed: 0,
      unparsed: 0,
      firstAtMs: 0,
      lastAtMs: 0,
      lagMs: 0,
    }
    this.#ways.set(key, made)
    return made
  }

  /** Some records of one way were taken. */
  took(source: string, service: string, atMs: number, lagMs: number): void {
    const way = this.of(source, service)
    way.taken++
    if (way.firstAtMs === 0) way.firstAtMs = atMs
    way.lastAtMs = atMs
    way.lagMs = lagMs
  }

  all(): readonly SourceHealth[] {
    return [...this.#ways.values()]
  }
}
