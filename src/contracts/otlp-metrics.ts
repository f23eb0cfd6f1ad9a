/** What whoever takes metrics offers to the OTLP listener: the listener has checked the sender, and bounded and decompressed the body. */
export interface OtlpMetricsSink {
  /**
   * Takes an `ExportMetricsServiceRequest`; resolves when it is durable. `rejected` data points were not taken, `message` says why ('' where there is
   * nothing to say). Throws an error with `statusCode` (400, 429, 503) and `code` where none of it was taken.
   */
  write(
    body: Uint8Array,
    encoding: 'protobuf' | 'json',
    until: AbortSignal,
  ): Promise<{ readonly rejected: number; readonly message: string }>
}
