import { ProtobufError } from '../../../../mechanisms/protobuf/protobuf.ts'
import { decompressSnappy, SnappyError } from '../../../../mechanisms/snappy/snappy.ts'
import { hasCredentials } from '../../../../platform/http/guard.ts'
import type {
  LeanAnswer,
  LeanExchange,
  LeanOptions,
  LeanRequest,
} from '../../../../platform/http/lean/options.ts'
import { ProblemError } from '../../../../platform/problem.ts'
import type { LogRecord } from '../../../../contracts/signals.ts'
import { IngestBusyError } from '../busy.ts'
import { createGround, type DecodeGround } from '../draft.ts'
import type { Ingest } from '../ingest.ts'
import { decompress } from '../otlp/exporter.ts'
import type { Turns } from '../turns.ts'
import { LokiPushError, readPush, readPushJson } from './push.ts'

const BODY_BYTES_MAX = 32 * 1024 * 1024
const DECODED_BYTES_MAX = 128 * 1024 * 1024
const PATHS = new Set(['/loki/api/v1/push', '/api/prom/push'])

/** What the listener hands over to. */
export interface LokiNeeds {
  readonly ingest: Ingest
  /** Taken to decompress a body. */
  readonly turns: Turns
  readonly nowMs: () => number
}

/** Loki's push (grafana.com/docs/loki/latest/reference/loki-http-api). */
export function lokiOverHttp(
  needs: LokiNeeds,
  { hosts, token }: { readonly hosts: readonly string[]; readonly token: string | undefined },
): LeanOptions {
  return {
    handle: (exchange) => void handle(needs, exchange, token),
    keptFields: ['content-type', 'content-encoding', 'authorization'],
    bodyBytesMax: (method, path) => (method === 'POST' && PATHS.has(path) ? BODY_BYTES_MAX : 0),
    failure: ({ statusCode, message }) => text(statusCode, `${message}\n`),
    hosts,
    section: 'logs',
    demandsCredentials: token !== undefined,
    limits: { bodiesBytesMax: 4 * BODY_BYTES_MAX },
  }
}

async function handle(
  { ingest, turns, nowMs }: LokiNeeds,
  exchange: LeanExchange,
  token: string | undefined,
): Promise<void> {
  const { request } = exchange
  try {
    if (token !== undefined && !hasCredentials(request.field('authorization'), token)) {
      throw new ProblemError(401, 'ERR_HTTP_CREDENTIALS', 'this listener demands logs.token')
    }
    if (request.method === 'GET' && request.path === '/ready')
      return exchange.answer(text(200, 'ready\n'))
    if (request.method !== 'POST' || !PATHS.has(request.path)) {
      throw new ProblemError(
        404,
        'ERR_LOKI_PATH',
        `${request.method} ${request.path} is not offered here: Loki's push is, its queries are not`,
      )
    }
    await ingest.takeLogs(await read(request, createGround(nowMs()), turns), 'retries')
    exchange.answer({ status: 204, contentType: '', body: '' })
  } catch (error) {
    exchange.answer(failed(error))
  }
}

async function read(
  request: LeanRequest,
  ground: DecodeGround,
  turns: Turns,
): Promise<readonly LogRecord[]> {
  if (/json/i.test(request.field('content-type'))) {
    const coding = request.field('content-encoding').toLowerCase()
    const body = await decompress(request.body, coding, DECODED_BYTES_MAX, turns)
    let parsed: unknown
    try {
      parsed = JSON.parse(Buffer.from(body).toString('utf8'))
    } catch (error) {
      throw new LokiPushError(`the body is no JSON: ${String(error)}`)
    }
    return readPushJson(parsed, ground)
  }
  return readPush(decompressSnappy(request.body, DECODED_BYTES_MAX), ground)
}

function text(status: number, body: string): LeanAnswer {
  return { status, contentType: 'text/plain; charset=utf-8', body }
}

function failed(error: unknown): LeanAnswer {
  if (error instanceof IngestBusyError) {
    const answer = text(error.statusCode, `${error.message}\n`)
    return { ...answer, fields: [['retry-after', String(error.retryAfterSeconds)]] }
  }
  const isBad =
    error instanceof LokiPushError || error instanceof ProtobufError || error instanceof SnappyError
  const { statusCode = isBad ? 400 : 500, message } = error as {
    statusCode?: number
    message: string
  }
  return text(statusCode, `${message}\n`)
}
