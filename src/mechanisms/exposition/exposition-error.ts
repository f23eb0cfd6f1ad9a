/** What a target answered is no exposition. Nothing of it counts. */
export class ExpositionError extends Error {
  readonly code = 'ERR_METRICS_EXPOSITION'
  /** From 1 on; 0 where no line is meant. */
  readonly line: number

  constructor(message: string, line: number) {
    super(line === 0 ? message : `${message} (line ${line})`)
    this.name = 'ExpositionError'
    this.line = line
  }
}
