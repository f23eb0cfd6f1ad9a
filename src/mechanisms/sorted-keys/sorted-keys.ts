/** Keys of one run; a run that grows beyond is cut in two. */
const RUN_KEYS_MAX = 512

/**
 * A set of texts in order, for reading by prefix: runs of at most 512 keys each. Adding and deleting cost two binary searches and the move of a
 * part of one run.
 */
export class SortedKeys {
  /** None of them is empty, except when there is no key at all. */
  readonly #runs: string[][] = [[]]
  #size = 0

  get size(): number {
    return this.#size
  }

  has(key: string): boolean {
    const run = this.#runs[this.#runOf(key)] ?? []
    return run[lowerBound(run, key)] === key
  }

  /** False: it was there. */
  add(key: string): boolean {
    const place = this.#runOf(key)
    const run = this.#runs[place] ?? []
    const at = lowerBound(run, key)
    if (run[at] === key) return false
    run.splice(at, 0, key)
    if (run.length > RUN_KEYS_MAX) this.#runs.splice(place + 1, 0, run.splice(run.length >> 1))
    this.#size++
    return true
  }

  /** False: it was not there. */
  delete(key: string): boolean {
    const place = this.#runOf(key)
    const run = this.#runs[place] ?? []
    const at = lowerBound(run, key)
    if (run[at] !== key) return false
    run.splice(at, 1)
    if (run.length === 0 && this.#runs.length > 1) this.#runs.splice(place, 1)
    this.#size--
    return true
  }

  /** All that begin with it, in order. Must not be changed meanwhile. */
  *withPrefix(prefix: string): Generator<string> {
    let place = this.#runOf(prefix)
    let at = lowerBound(this.#runs[place] ?? [], prefix)
    for (let run = this.#runs[place]; run !== undefined; run = this.#runs[++place]) {
      for (; at < run.length; at++) {
        const key = run[at]!
        if (!key.startsWith(prefix)) return
        yield key
      }
      at = 0
    }
  }

  /** The run in which the key is, or belongs: the last one whose first key is not behind it. */
  #runOf(key: string): number {
    let low = 0
    let high = this.#runs.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#runs[middle]?.[0] ?? '') <= key) low = middle
      else high = middle - 1
    }
    return low
  }
}

/** The place of the first one that is not before the key. */
function lowerBound(run: readonly string[], key: string): number {
  let low = 0
  let high = run.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (run[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}
