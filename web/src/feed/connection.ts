import type { FeedMessage } from '../../../src/contracts/feed.ts'

/** Where the one feed stands. `lost` names the time of the last message and of the next attempt, in browser time. */
export type ConnectionState =
  | { readonly state: 'connecting' }
  | { readonly state: 'open' }
  | { readonly state: 'lost'; readonly lastMessageAtMs: number; readonly retryAtMs: number }

const BACKOFF_MIN_MS = 500
const BACKOFF_MAX_MS = 10_000
/** Ticks come every second: after this long without any message the line is opened anew, to see whether it is dead. */
const SILENCE_MAX_MS = 8_000
/** A feed begins with a picture at once; without one in this time nobody is there. */
const ANSWER_MAX_MS = 5_000

/** Wait before the attempt number `attempt` (from 0): doubles up to ten seconds, spread by `random` so that consoles do not return at once. */
export function backoffMs(attempt: number, random: number): number {
  const full = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(attempt, 10))
  return Math.round(full * (0.75 + random * 0.5))
}

export interface Connection {
  /** Attempts again now instead of at `retryAtMs`. */
  retryNow(): void
  close(): void
}

/** Keeps one EventSource on the feed, and opens a new one with back-off whenever it ends. */
export function connectFeed(
  url: string,
  onMessage: (message: FeedMessage) => void,
  onState: (state: ConnectionState) => void,
): Connection {
  let source: EventSource | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let attempt = 0
  let lastMessageAtMs = 0

  const lose = (): void => {
    source?.close()
    source = null
    clearTimeout(timer)
    const waitMs = backoffMs(attempt, Math.random())
    attempt += 1
    timer = setTimeout(open, waitMs)
    onState({ state: 'lost', lastMessageAtMs, retryAtMs: Date.now() + waitMs })
  }
  const receive = (event: MessageEvent<string>): void => {
    clearTimeout(timer)
    timer = setTimeout(open, SILENCE_MAX_MS)
    lastMessageAtMs = Date.now()
    attempt = 0
    const message = JSON.parse(event.data) as FeedMessage
    if (message.type === 'picture') onState({ state: 'open' })
    onMessage(message)
  }
  const open = (): void => {
    clearTimeout(timer)
    source?.close()
    source = new EventSource(url)
    source.addEventListener('message', receive)
    source.addEventListener('error', lose)
    timer = setTimeout(lose, ANSWER_MAX_MS)
  }
  const close = (): void => {
    clearTimeout(timer)
    source?.close()
  }

  onState({ state: 'connecting' })
  open()
  return { retryNow: open, close }
}
