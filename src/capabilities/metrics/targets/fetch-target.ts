import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import type { Clock } from '../../../platform/capability.ts'
import { request } from '../../../platform/http/node-http.ts'

const unzip = promisify(gunzip)

/** What a target is asked for, the best first. */
const TEXT_TYPES =
  'application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'
const PROTOBUF_TYPE =
  'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited'

/** What is fetched, and how. */
export interface FetchOptions {
  readonly url: string
  readonly timeoutMs: number
  readonly bodyBytesMax: number
  readonly nativeHistograms: boolean
  readonly clock: Clock
}

/** What a target answered. */
export interface Fetched {
  readonly contentType: string
  readonly body: Buffer
}

/** Asks a target. Throws with Prometheus' words for what went wrong. */
export async function fetchTarget(options: FetchOptions): Promise<Fetched> {
  const { url, timeoutMs, clock } = options
  const abort = new AbortController()
  const cancel = clock.after(timeoutMs, () => abort.abort())
  try {
    const response = await ask(options, abort.signal)
    const { statusCode = 0, statusMessage = '', headers } = response
    if (statusCode !== 200) {
      response.destroy()
      throw new Error(`server returned HTTP status ${statusCode} ${statusMessage}`)
    }
    const raw = await readBody(response, options.bodyBytesMax)
    const body =
      headers['content-encoding'] === 'gzip'
        ? await unzip(raw, { maxOutputLength: options.bodyBytesMax })
        : raw
    return { contentType: headers['content-type'] ?? '', body }
  } catch (error) {
    if (abort.signal.aborted)
      throw new Error(`Get ${JSON.stringify(url)}: context deadline exceeded`)
    throw error
  } finally {
    cancel()
  }
}

async function ask(options: FetchOptions, signal: AbortSignal): Promise<IncomingMessage> {
  const { url, timeoutMs, nativeHistograms } = options
  const answered = Promise.withResolvers<IncomingMessage>()
  const send = url.startsWith('https:') ? (await import('node:https')).request : request
  send(url, {
    signal,
    headers: {
      accept: nativeHistograms ? `${PROTOBUF_TYPE},${TEXT_TYPES}` : TEXT_TYPES,
      'accept-encoding': 'gzip',
      'user-agent': 'Backplane',
      'x-prometheus-scrape-timeout-seconds': String(timeoutMs / 1_000),
    },
  })
    .on('response', answered.resolve)
    .on('error', (error) =>
      answered.reject(new Error(`Get ${JSON.stringify(url)}: ${error.message}`)),
    )
    .end()
  return answered.promise
}

async function readBody(response: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > bytesMax) throw new Error(`body size limit exceeded: more than ${bytesMax} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
