import type {
  LeanAnswer,
  LeanExchange,
  LeanOptions,
  LeanRequest,
} from '../../../../platform/http/lean/options.ts'
import { hasCredentials } from '../../../../platform/http/guard.ts'
import { ProblemError } from '../../../../platform/problem.ts'
import { IngestBusyError } from '../busy.ts'
import {
  decompress,
  OTLP_BODY_BYTES_MAX,
  takeExport,
  type OtlpNeeds,
  type OtlpResult,
  type OtlpSignal,
} from './exporter.ts'
import { partialSuccess, statusMessage } from './answers.ts'

const SIGNALS: ReadonlyMap<string, OtlpSignal> = new Map([
  ['/v1/logs', 'logs'],
  ['/v1/traces', 'traces'],
  ['/v1/metrics', 'metrics'],
])

/** How the listener is guarded. */
export interface OtlpGuard {
  readonly hosts: readonly string[]
  readonly token: string | undefined
}

/** OTLP over HTTP (opentelemetry.io/docs/specs/otlp): protobuf and JSON at one port. */
export function otlpOverHttp(needs: OtlpNeeds, { hosts, token }: OtlpGuard): LeanOptions {
  return {
    handle: (exchange) => void handle(needs, exchange, token),
    keptFields: ['content-type', 'content-encoding', 'authorization'],
    bodyBytesMax: (method, path) =>
      method === 'POST' && SIGNALS.has(path) ? OTLP_BODY_BYTES_MAX : 0,
    failure: ({ statusCode, message }) => refusal(statusCode, message, 'json'),
    hosts,
    section: 'logs',
    demandsCredentials: token !== undefined,
    limits: { bodiesBytesMax: 2 * OTLP_BODY_BYTES_MAX },
  }
}

async function handle(
  needs: OtlpNeeds,
  exchange: LeanExchange,
  token: string | undefined,
): Promise<void> {
  const { request } = exchange
  const leaving = new AbortController()
  exchange.whenGone = () => leaving.abort()
  const encoding = /json/i.test(request.field('content-type')) ? 'json' : 'protobuf'
  try {
    const signal = signalOf(request, token)
    const body = await decompress(
      request.body,
      request.field('content-encoding').toLowerCase(),
      OTLP_BODY_BYTES_MAX,
      needs.turns,
    )
    const result = await takeExport(needs, signal, body, encoding, leaving.signal)
    exchange.answer(taken(result, encoding))
  } catch (error) {
    exchange.answer(failed(error, encoding))
  }
}

function signalOf(request: LeanRequest, token: string | undefined): OtlpSignal {
  const signal = SIGNALS.get(request.path)
  if (signal === undefined) {
    throw new ProblemError(
      404,
      'ERR_OTLP_PATH',
      `There is no ${request.path}: /v1/logs, /v1/traces or /v1/metrics.`,
    )
  }
  if (request.method !== 'POST')
    throw new ProblemError(405, 'ERR_OTLP_METHOD', 'OTLP is sent by POST.')
  if (token !== undefined && !hasCredentials(request.field('authorization'), token)) {
    throw new ProblemError(
      401,
      'ERR_HTTP_CREDENTIALS',
      'This listener demands logs.token: Authorization: Bearer TOKEN.',
    )
  }
  const type = request.field('content-type').split(';')[0]?.trim().toLowerCase() ?? ''
  if (type !== 'application/json' && type !== 'application/x-protobuf') {
    throw new ProblemError(
      415,
      'ERR_OTLP_TYPE',
      `Content-Type '${type}' is not known here: application/x-protobuf or application/json.`,
    )
  }
  return signal
}

function taken(result: OtlpResult, encoding: 'protobuf' | 'json'): LeanAnswer {
  if (encoding === 'protobuf') {
    return { status: 200, contentType: 'application/x-protobuf', body: partialSuccess(result) }
  }
  const { rejected, message } = result
  const isWhole = rejected === 0 && message === ''
  const body = isWhole
    ? {}
    : { partialSuccess: { rejectedLogRecords: String(rejected), errorMessage: message } }
  return { status: 200, contentType: 'application/json', body: JSON.stringify(body) }
}

function failed(error: unknown, encoding: 'protobuf' | 'json'): LeanAnswer {
  if (error instanceof IngestBusyError) {
    const answer = refusal(error.statusCode, error.message, encoding)
    return { ...answer, fields: [['retry-after', String(error.retryAfterSeconds)]] }
  }
  const { statusCode = 500, message } = error as { statusCode?: number; message: string }
  return refusal(statusCode, message, encoding)
}

/** `google.rpc.Status`, as the specification wants it. */
function refusal(status: number, message: string, encoding: 'protobuf' | 'json'): LeanAnswer {
  return encoding === 'json'
    ? { status, contentType: 'application/json', body: JSON.stringify({ message }) }
    : { status, contentType: 'application/x-protobuf', body: statusMessage(message) }
}
