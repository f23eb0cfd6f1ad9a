import type { Clock } from '../../../platform/capability.ts'
import { DeliveryRefusedError } from '../deliver/delivery-errors.ts'

/** An answer takes at most so long. */
const TIMEOUT_MS = 10_000
/** Characters of an answer that the log shows. */
const SHOWN_MAX = 200
const BODY_BYTES_MAX = 4_096
const RETRY_AFTER_MAX_MS = 3_600_000

/** Where a message goes. */
export interface PostTarget {
  readonly url: string
  readonly headers: readonly (readonly [name: string, value: string])[]
}

/** Posts JSON. Throws `DeliveryRefusedError` for every answer but 2xx (mayRetry for 408, 425, 429 and 5xx), and what the connection says; never with the URL. */
export async function postJson(target: PostTarget, body: unknown, clock: Clock): Promise<void> {
  const abort = new AbortController()
  const cancel = clock.after(TIMEOUT_MS, () => abort.abort())
  try {
    const response = await fetch(target.url, {
      method: 'POST',
      headers: [
        ['content-type', 'application/json'],
        ...target.headers.map(([a, b]): [string, string] => [a, b]),
      ],
      body: JSON.stringify(body),
      redirect: 'manual',
      signal: abort.signal,
    })
    const text = await firstText(response)
    if (response.ok) return
    const { status } = response
    const mayRetry = status >= 500 || [408, 425, 429].includes(status)
    const shown = text === '' ? '' : `: ${text.slice(0, SHOWN_MAX)}`
    throw new DeliveryRefusedError(
      `it answered ${status}${shown}`,
      mayRetry,
      retryAfterOf(response),
    )
  } catch (error) {
    if (error instanceof DeliveryRefusedError) throw error
    if (abort.signal.aborted) throw new Error(`no answer within ${TIMEOUT_MS / 1_000} s`)
    throw new Error(reasonOf(error))
  } finally {
    cancel()
  }
}

/** The beginning of an answer; the rest is not read. */
async function firstText(response: Response): Promise<string> {
  if (response.body === null) return ''
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of response.body) {
    parts.push(part)
    bytes += part.length
    if (bytes >= BODY_BYTES_MAX) break
  }
  return Buffer.concat(parts).toString('utf8', 0, BODY_BYTES_MAX).trim()
}

function retryAfterOf(response: Response): number {
  const seconds = Number(response.headers.get('retry-after') ?? '0')
  return seconds > 0 ? Math.min(seconds * 1_000, RETRY_AFTER_MAX_MS) : 0
}

/** Why there is no connection. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  if (cause instanceof Error) {
    const { code } = cause as NodeJS.ErrnoException
    return code === undefined ? 'the connection failed' : `the connection failed (${code})`
  }
  return 'the request cannot be sent: is its URL right?'
}
