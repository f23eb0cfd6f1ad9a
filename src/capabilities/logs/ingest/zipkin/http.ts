import { hasCredentials } from '../../../../platform/http/guard.ts'
import type {
  LeanAnswer,
  LeanExchange,
  LeanOptions,
} from '../../../../platform/http/lean/options.ts'
import { ProblemError } from '../../../../platform/problem.ts'
import { IngestBusyError } from '../busy.ts'
import { createGround } from '../draft.ts'
import type { Ingest } from '../ingest.ts'
import { decompress } from '../otlp/exporter.ts'
import type { Turns } from '../turns.ts'
import { readSpans, ZipkinError } from './spans.ts'

const BODY_BYTES_MAX = 32 * 1024 * 1024
const PATH = '/api/v2/spans'

/** What the listener hands over to. */
export interface ZipkinNeeds {
  readonly ingest: Ingest
  /** Taken to decompress a body. */
  readonly turns: Turns
  readonly nowMs: () => number
}

/** Zipkin's collector, version 2, JSON. */
export function zipkinOverHttp(
  needs: ZipkinNeeds,
  { hosts, token }: { readonly hosts: readonly string[]; readonly token: string | undefined },
): LeanOptions {
  return {
    handle: (exchange) => void handle(needs, exchange, token),
    keptFields: ['content-type', 'content-encoding', 'authorization'],
    bodyBytesMax: (method, path) => (method === 'POST' && path === PATH ? BODY_BYTES_MAX : 0),
    failure: ({ statusCode, message }) => text(statusCode, message),
    hosts,
    section: 'logs',
    demandsCredentials: token !== undefined,
    limits: { bodiesBytesMax: 4 * BODY_BYTES_MAX },
  }
}

async function handle(
  { ingest, turns, nowMs }: ZipkinNeeds,
  exchange: LeanExchange,
  token: string | undefined,
): Promise<void> {
  const { request } = exchange
  try {
    if (token !== undefined && !hasCredentials(request.field('authorization'), token)) {
      throw new ProblemError(401, 'ERR_HTTP_CREDENTIALS', 'this listener demands logs.token')
    }
    if (request.method === 'GET' && request.path === '/health') {
      return exchange.answer({
        status: 200,
        contentType: 'application/json',
        body: '{"status":"UP"}',
      })
    }
    if (request.method !== 'POST' || request.path !== PATH) {
      throw new ProblemError(
        404,
        'ERR_ZIPKIN_PATH',
        `${request.method} ${request.path} is not offered here: POST ${PATH} is`,
      )
    }
    if (/protobuf/i.test(request.field('content-type'))) {
      throw new ProblemError(
        415,
        'ERR_ZIPKIN_TYPE',
        'Spans are taken as JSON here, not as protobuf: let the reporter encode JSON_V2.',
      )
    }
    const coding = request.field('content-encoding').toLowerCase()
    const body = await decompress(request.body, coding, BODY_BYTES_MAX, turns)
    await ingest.takeSpans(readSpans(parse(body), createGround(nowMs())), 'retries')
    exchange.answer({ status: 202, contentType: '', body: '' })
  } catch (error) {
    exchange.answer(failed(error))
  }
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8'))
  } catch (error) {
    throw new ZipkinError(`the body is no JSON: ${String(error)}`)
  }
}

function text(status: number, message: string): LeanAnswer {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${message}\n` }
}

function failed(error: unknown): LeanAnswer {
  if (error instanceof IngestBusyError) {
    const answer = text(error.statusCode, error.message)
    return { ...answer, fields: [['retry-after', String(error.retryAfterSeconds)]] }
  }
  const isBad = error instanceof ZipkinError
  const { statusCode = isBad ? 400 : 500, message } = error as {
    statusCode?: number
    message: string
  }
  return text(statusCode, message)
}
