import { promisify } from 'node:util'
import { gunzip, inflate } from 'node:zlib'
import type { OtlpMetricsSink } from '../../../../contracts/otlp-metrics.ts'
import { ProtobufError } from '../../../../mechanisms/protobuf/protobuf.ts'
import { ProblemError } from '../../../../platform/problem.ts'
import { createGround } from '../draft.ts'
import type { Ingest } from '../ingest.ts'
import type { Turns } from '../turns.ts'
import { decodeLogs, decodeLogsJson } from './logs.ts'
import { decodeSpans, decodeSpansJson } from './spans.ts'

/** The specification recommends it, for a body as it comes and as it is decompressed. */
export const OTLP_BODY_BYTES_MAX = 64 * 1024 * 1024

/** Bodies that are decompressed at once, of all protocols: a small one may become a thousand times as much. */
export const DECOMPRESSING_MAX = 2

/** The three kinds of what is exported. */
export type OtlpSignal = 'logs' | 'traces' | 'metrics'

/** What was not taken, of the rest that was. */
export interface OtlpResult {
  readonly rejected: number
  readonly message: string
}

/** What the OTLP listeners hand over to. */
export interface OtlpNeeds {
  readonly ingest: Ingest
  /** Taken to decompress a body. */
  readonly turns: Turns
  /** Undefined: nobody takes metrics here. */
  readonly metrics: () => OtlpMetricsSink | undefined
  readonly nowMs: () => number
}

const gunzipBytes = promisify(gunzip)
const inflateBytes = promisify(inflate)
const ALL_TAKEN: OtlpResult = { rejected: 0, message: '' }

/** Takes one export request; resolves when it is durable. Throws `ProblemError`, `IngestBusyError`, or what the sink of metrics throws. */
export async function takeExport(
  { ingest, metrics, nowMs }: OtlpNeeds,
  signal: OtlpSignal,
  body: Uint8Array,
  encoding: 'protobuf' | 'json',
  until: AbortSignal,
): Promise<OtlpResult> {
  if (signal === 'metrics') {
    const sink = metrics()
    if (sink === undefined) {
      throw new ProblemError(404, 'ERR_OTLP_METRICS', 'Metrics are not taken over OTLP here.')
    }
    return sink.write(body, encoding, until)
  }
  const ground = createGround(nowMs())
  const json = encoding === 'json' ? parseJson(body) : undefined
  if (signal === 'logs') {
    const logs = decode(() =>
      json === undefined ? decodeLogs(body, ground) : decodeLogsJson(json, ground),
    )
    await ingest.takeLogs(logs, 'retries')
    return ALL_TAKEN
  }
  const spans = decode(() =>
    json === undefined ? decodeSpans(body, ground) : decodeSpansJson(json, ground),
  )
  await ingest.takeSpans(spans, 'retries')
  const rejected = spans.filter(({ trace, span }) => trace === '' || span === '').length
  return rejected === 0
    ? ALL_TAKEN
    : { rejected, message: `${rejected} spans have no valid trace id or span id` }
}

/** A body as it was before `Content-Encoding`. Throws `ProblemError`: 413 where it becomes too large, 415 for a coding that is not known. */
export async function decompress(
  body: Uint8Array,
  coding: string,
  bytesMax: number,
  turns: Turns,
): Promise<Uint8Array> {
  const options = { maxOutputLength: bytesMax }
  try {
    if (coding === '' || coding === 'identity') return body
    if (coding === 'gzip') return await turns.run(() => gunzipBytes(body, options))
    if (coding === 'deflate') return await turns.run(() => inflateBytes(body, options))
  } catch (error) {
    // What would be larger than `maxOutputLength` is a RangeError, everything else is none.
    throw error instanceof RangeError
      ? new ProblemError(
          413,
          'ERR_LOGS_BODY_SIZE',
          `The body has more than ${bytesMax} bytes when it is decompressed.`,
        )
      : new ProblemError(400, 'ERR_LOGS_BODY', `The body is not ${coding}.`)
  }
  throw new ProblemError(
    415,
    'ERR_LOGS_ENCODING',
    `Content-Encoding '${coding}' is not known here: gzip or none.`,
  )
}

function parseJson(body: Uint8Array): object {
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(body).toString('utf8'))
  } catch (error) {
    throw new ProblemError(400, 'ERR_OTLP_BODY', `The body is no JSON: ${String(error)}`)
  }
  if (typeof parsed !== 'object' || parsed === null) {
    throw new ProblemError(400, 'ERR_OTLP_BODY', 'The body is no JSON object.')
  }
  return parsed
}

function decode<Result>(read: () => Result): Result {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof ProtobufError)) throw error
    throw new ProblemError(400, 'ERR_OTLP_BODY', error.message)
  }
}
