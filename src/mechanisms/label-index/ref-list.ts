/** Numbers of series that rise, in an array that grows. */
export class RefList {
  #refs = new Uint32Array(2)
  #length = 0
  #isSorted = true

  get length(): number {
    return this.#length
  }

  /** Bytes of the array. */
  get bytes(): number {
    return this.#refs.length * 4
  }

  push(ref: number): void {
    if (this.#length === this.#refs.length) {
      const more = new Uint32Array(this.#length * 2)
      more.set(this.#refs)
      this.#refs = more
    }
    if (this.#length > 0 && this.#refs[this.#length - 1]! > ref) this.#isSorted = false
    this.#refs[this.#length++] = ref
  }

  /** A view of all, rising; the next `push` may change what it shows. */
  view(): Uint32Array {
    const view = this.#refs.subarray(0, this.#length)
    if (!this.#isSorted) {
      view.sort()
      this.#isSorted = true
    }
    return view
  }
}
