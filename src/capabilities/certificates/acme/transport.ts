import type { IncomingMessage } from 'node:http'
import type { Clock } from '../../../platform/capability.ts'
import { ownEntry } from '../../../platform/own-entry.ts'
import { AcmeError } from './acme-error.ts'

/** An answer is at most this long; chains have some kilobytes. */
const ANSWER_BYTES_MAX = 1024 * 1024
const REQUEST_TIMEOUT_MS = 30_000

export interface AcmeRequest {
  readonly method: 'GET' | 'HEAD' | 'POST'
  readonly url: string
  /** Of a POST: a JWS. */
  readonly body?: string
}

export interface AcmeAnswer {
  readonly status: number
  /** By lower-case name, '' where there is none. */
  readonly header: (name: string) => string
  readonly text: string
}

/** Sends one request. @throws AcmeError where there is no answer */
export type Transport = (request: AcmeRequest) => Promise<AcmeAnswer>

export interface TransportOptions {
  /** PEM of who is believed; '' for those that everybody trusts. */
  readonly ca: string
  readonly clock: Clock
  /** Ends what is under way. */
  readonly stopping: AbortSignal
}

/** HTTPS to an authority: one connection a request, since there is one every few weeks. */
export function createTransport({ ca, clock, stopping }: TransportOptions): Transport {
  return async ({ method, url, body }) => {
    const abort = new AbortController()
    const end = (): void => abort.abort()
    const cancel = clock.after(REQUEST_TIMEOUT_MS, end)
    stopping.addEventListener('abort', end)
    try {
      return await send(method, secureUrl(url), body, ca, abort.signal)
    } catch (error) {
      if (error instanceof AcmeError) throw error
      const reason = abort.signal.aborted
        ? `no answer within ${REQUEST_TIMEOUT_MS / 1_000} s`
        : describe(error)
      throw unreachable(`${originOf(url)} cannot be asked: ${reason}`)
    } finally {
      cancel()
      stopping.removeEventListener('abort', end)
    }
  }
}

async function send(
  method: string,
  url: URL,
  body: string | undefined,
  ca: string,
  signal: AbortSignal,
): Promise<AcmeAnswer> {
  const { request } = await import('node:https')
  const answered = Promise.withResolvers<IncomingMessage>()
  const asked = request(url, {
    method,
    signal,
    agent: false,
    maxHeaderSize: 16 * 1024,
    ...(ca === '' ? {} : { ca }),
    headers: {
      'user-agent': 'backplane',
      ...(body === undefined
        ? {}
        : { 'content-type': 'application/jose+json', 'content-length': Buffer.byteLength(body) }),
    },
  })
  asked.on('response', answered.resolve)
  asked.on('error', answered.reject)
  asked.end(body)
  try {
    const response = await answered.promise
    const text = await readAll(response)
    const { headers, statusCode = 0 } = response
    return {
      status: statusCode,
      header: (name) => [ownEntry(headers, name) ?? ''].flat().join(', '),
      text,
    }
  } finally {
    asked.on('error', () => {})
    asked.destroy()
  }
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > ANSWER_BYTES_MAX) {
      throw unreachable(`the authority's answer is longer than ${ANSWER_BYTES_MAX} bytes`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** An authority says where to go on; it may not send our signatures anywhere else than to HTTPS (RFC 8555 section 6.1). */
function secureUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'https:') return url
  throw unreachable('the authority names an address that is not https://')
}

function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : 'the authority'
}

function describe(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code === undefined ? message : `${message} (${code})`
}

function unreachable(message: string): AcmeError {
  return new AcmeError('ERR_CERTIFICATE_ACME_UNREACHABLE', message)
}
