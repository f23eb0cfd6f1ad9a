import type { IncomingMessage, RequestOptions } from 'node:http'
import { request } from '../../../platform/http/node-http.ts'
import type { HttpCheckSpec } from '../check-spec.ts'
import { readStart } from './body.ts'
import type { Finding } from './finding.ts'

/** Redirects of one check that are followed, as in Go's client. */
const REDIRECTS_MAX = 10

type UrlCheckSpec = Extract<HttpCheckSpec, { url: string }>

/** A request of any URL with any method: 200 to 299 is passing, 429 a warning, all else critical. Redirects are followed unless that is off. */
export async function runUrlCheck(spec: UrlCheckSpec, signal: AbortSignal): Promise<Finding> {
  let url = new URL(spec.url)
  let method = spec.method ?? 'GET'
  let body = spec.body
  for (let count = 0; ; count++) {
    const answer = await ask(spec, { url, method, body }, signal)
    const target = spec.disableRedirects === true ? undefined : answer.location
    if (target === undefined || count >= REDIRECTS_MAX) {
      const output = `HTTP ${method} ${url.href}: ${answer.code} ${answer.reason} Output: ${answer.text}`
      return { status: statusOf(answer.code), output: output.trimEnd() }
    }
    url = new URL(target, url)
    // RFC 9110 section 15.4: 307 and 308 keep method and body.
    if (answer.code !== 307 && answer.code !== 308) {
      if (method !== 'HEAD') method = 'GET'
      body = undefined
    }
  }
}

interface Answer {
  readonly code: number
  readonly reason: string
  readonly text: string
  /** Of a redirect. */
  readonly location: string | undefined
}

interface Question {
  readonly url: URL
  readonly method: string
  readonly body: string | undefined
}

async function ask(
  spec: UrlCheckSpec,
  { url, method, body }: Question,
  signal: AbortSignal,
): Promise<Answer> {
  const send = url.protocol === 'https:' ? await secureRequest(spec) : request
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const asked = send(url, {
    method,
    signal,
    // A connection of its own: a check asks whether new connections are served, too.
    agent: false,
    maxHeaderSize: 16 * 1024,
    headers: {
      'user-agent': 'backplane-check',
      accept: 'text/plain, text/*, */*',
      connection: 'close',
      ...headersOf(spec),
    },
  })
  asked.on('response', resolve)
  asked.on('error', reject)
  asked.end(body)
  try {
    const response = await promise
    const code = response.statusCode ?? 0
    const isRedirect = code >= 300 && code < 400 && code !== 304
    return {
      code,
      reason: response.statusMessage ?? '',
      text: await readStart(response),
      location: isRedirect ? response.headers.location : undefined,
    }
  } finally {
    asked.on('error', () => {})
    asked.destroy()
  }
}

type Send = (url: URL, options: RequestOptions) => ReturnType<typeof request>

async function secureRequest({ tls }: UrlCheckSpec): Promise<Send> {
  const { request: send } = await import('node:https')
  const options = {
    rejectUnauthorized: tls?.skipVerify !== true,
    ...(tls?.serverName === undefined ? {} : { servername: tls.serverName }),
  }
  return (url, given) => send(url, { ...given, ...options })
}

function headersOf({ headers = {} }: UrlCheckSpec): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, values]) => {
      const lower = name.toLowerCase()
      return [lower, values.length === 1 ? (values[0] ?? '') : [...values]]
    }),
  )
}

function statusOf(code: number): Finding['status'] {
  if (code >= 200 && code < 300) return 'passing'
  return code === 429 ? 'warning' : 'critical'
}
