/** How exact the Date of an answer is (RFC 9110 section 6.6.1). */
const SECOND_MS = 1_000

/** The Date line of answers that have none, made once a second. */
export class DateLine {
  #second = -1
  #line = ''

  /** With CR LF. */
  at(unixMs: number): string {
    const second = Math.floor(unixMs / SECOND_MS)
    if (second !== this.#second) {
      this.#second = second
      this.#line = `date: ${new Date(second * SECOND_MS).toUTCString()}\r\n`
    }
    return this.#line
  }
}
