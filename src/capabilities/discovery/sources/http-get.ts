import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { request } from '../../../platform/http/node-http.ts'
import { SOURCE_LIMITS, SourceError } from './source.ts'

/** An answer of a source. */
export interface Got {
  readonly headers: IncomingHttpHeaders
  /** Parsed JSON. */
  readonly value: unknown
}

/** GET of JSON, up to a bound. Throws `SourceError` for everything but 200 with JSON. */
export async function getJson(
  url: URL,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Got> {
  const send = url.protocol === 'https:' ? (await import('node:https')).request : request
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const asked = send(url, {
    signal,
    agent: false,
    maxHeaderSize: 16 * 1024,
    headers: { 'user-agent': 'backplane', accept: 'application/json', ...headers },
  })
  asked.on('response', resolve)
  asked.on('error', reject)
  asked.end()
  try {
    const response = await promise
    const text = await readAll(response)
    if (response.statusCode !== 200) {
      throw new SourceError(`answered ${response.statusCode}: ${text.slice(0, 200)}`)
    }
    return { headers: response.headers, value: parse(text) }
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
    if (bytes > SOURCE_LIMITS.answerBytesMax) {
      throw new SourceError(
        `its answer is longer than ${SOURCE_LIMITS.answerBytesMax} bytes (answerBytesMax)`,
      )
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new SourceError(`its answer is no JSON: ${error instanceof Error ? error.message : ''}`)
  }
}
