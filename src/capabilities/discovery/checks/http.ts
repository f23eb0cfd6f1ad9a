import type { IncomingMessage } from 'node:http'
import { request as requestPlain } from '../../../platform/http/node-http.ts'
import { readStart, textOf } from './body.ts'
import type { CheckTls } from '../check-spec.ts'
import type { CheckAddress, CheckClock, Finding } from './finding.ts'

/** GET; 200 to 399 is passing, 429 is warning (the instance is alive and busy), all else critical. Redirects are not followed. */
export async function runHttpCheck(
  { host, port }: CheckAddress,
  { path, tls }: { readonly path: string; readonly tls?: CheckTls },
  signal: AbortSignal,
  clock: CheckClock,
): Promise<Finding> {
  const request = tls === undefined ? requestPlain : (await import('node:https')).request
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  // A connection of its own: a check asks whether new connections are served, too.
  const asked = request({
    host,
    port,
    path,
    signal,
    agent: false,
    ...(tls?.skipVerify === true ? { rejectUnauthorized: false } : {}),
    headers: { 'user-agent': 'backplane-check', accept: '*/*', connection: 'close' },
    maxHeaderSize: 16 * 1024,
  })
  asked.on('response', resolve)
  asked.on('error', reject)
  asked.end()
  try {
    const response = await promise
    const code = response.statusCode ?? 0
    const status = statusOf(code)
    const body = await (status === 'passing' ? readArrived(response, clock) : readStart(response))
    const output = `HTTP ${code} ${response.statusMessage ?? ''}`.trimEnd()
    return { status, output: body === '' ? output : `${output}\n${body}` }
  } finally {
    // What comes after the answer (an endless body, a late reset) is nobody's error.
    asked.on('error', () => {})
    asked.destroy()
  }
}

function statusOf(status: number): Finding['status'] {
  if (status >= 200 && status < 400) return 'passing'
  return status === 429 ? 'warning' : 'critical'
}

/** What has come of the body by the next turn, where the status says enough: an answer may stream for ever. */
async function readArrived(response: IncomingMessage, clock: CheckClock): Promise<string> {
  const chunks: Buffer[] = []
  response.on('data', (chunk: Buffer) => chunks.push(chunk))
  response.on('error', () => {})
  await new Promise<void>((resolve) => clock.nextTurn(resolve))
  return textOf(chunks)
}
