/** Which of a row of things, that end in any order, are done from the beginning without a gap. */
export class DonePrefix {
  /** Numbers that have begun and are not behind the prefix, in order. */
  readonly #open = new Map<number, boolean>()
  #next: number

  /** `next`: the first number that is not done. */
  constructor(next: number) {
    this.#next = next
  }

  /** Everything below this number is done. */
  get next(): number {
    return this.#next
  }

  /** Whether it begins now: one that has begun goes on as it is. Those that begin rise from call to call. */
  begin(number: number): boolean {
    if (number < this.#next || this.#open.has(number)) return false
    this.#open.set(number, false)
    return true
  }

  isDone(number: number): boolean {
    return number < this.#next || this.#open.get(number) === true
  }

  /** Nothing below `number` will begin any more. */
  reach(number: number): void {
    if (this.#open.size === 0) this.#next = Math.max(this.#next, number)
  }

  done(number: number): void {
    if (this.#open.has(number)) this.#open.set(number, true)
    for (const [oldest, isDone] of this.#open) {
      if (!isDone) break
      this.#open.delete(oldest)
      this.#next = oldest + 1
    }
  }

  /** Those that are done behind a gap, at most `countMax`. */
  ahead(countMax: number): readonly number[] {
    const ahead: number[] = []
    for (const [number, isDone] of this.#open) {
      if (isDone) ahead.push(number)
      if (ahead.length === countMax) break
    }
    return ahead
  }
}
