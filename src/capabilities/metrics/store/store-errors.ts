/** There are as many series as there may be. */
export class SeriesLimitError extends Error {
  readonly code = 'ERR_METRICS_SERIES_LIMIT'

  constructor(max: number) {
    super(
      `There are ${max} series, which is the limit \`metrics.series\`: new series are refused, known ones go on. The cardinality page says which label has the most values.`,
    )
    this.name = 'SeriesLimitError'
  }
}

/** The disk does not keep up, or does not take anything: nothing more is taken until it does. */
export class StoreBusyError extends Error {
  readonly code = 'ERR_METRICS_STORE_BUSY'

  constructor(bytes: number) {
    super(`${bytes} bytes of samples wait for the disk: no more are taken until it has them.`)
    this.name = 'StoreBusyError'
  }
}
