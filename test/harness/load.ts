import { Agent, request } from 'node:http'

/** What came of one request. */
export interface Outcome {
  readonly status: number
  readonly reason: string
  readonly error: string
  readonly durationMs: number
  readonly instance: string
}

/** Requests over kept-alive connections, as fast as the answers come, until it is stopped. */
export interface Load {
  readonly outcomes: readonly Outcome[]
  /** Resolves once this many further requests have finished. */
  more(count: number): Promise<void>
  stop(): Promise<readonly Outcome[]>
}

export interface LoadOptions {
  readonly url: string
  readonly connections: number
  readonly method?: string
  /** Replaces `path` of the url for each request. */
  readonly path?: (nth: number) => string
  readonly headers?: Readonly<Record<string, string>>
  /** Pause of one connection between two requests. */
  readonly pauseMs?: number
}

/** Starts `connections` loops. */
export function startLoad(options: LoadOptions): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: options.connections })
  const url = new URL(options.url)
  const outcomes: Outcome[] = []
  let waiters: { readonly at: number; readonly done: () => void }[] = []
  let isOver = false
  let nth = 0

  function note(outcome: Outcome): void {
    outcomes.push(outcome)
    const due = waiters.filter((waiter) => waiter.at <= outcomes.length)
    waiters = waiters.filter((waiter) => waiter.at > outcomes.length)
    for (const { done } of due) done()
  }

  async function loop(): Promise<void> {
    while (!isOver) {
      const path = options.path?.(nth++) ?? `${url.pathname}${url.search}`
      note(
        await once({
          agent,
          url,
          path,
          method: options.method ?? 'GET',
          headers: options.headers ?? {},
        }),
      )
      if (options.pauseMs !== undefined)
        await new Promise((done) => setTimeout(done, options.pauseMs))
    }
  }

  const loops = Array.from({ length: options.connections }, loop)
  return {
    outcomes,
    more: (count) =>
      new Promise((done) => {
        waiters.push({ at: outcomes.length + count, done })
      }),
    async stop() {
      isOver = true
      await Promise.all(loops)
      agent.destroy()
      return outcomes
    },
  }
}

interface Once {
  readonly agent: Agent
  readonly url: URL
  readonly path: string
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
}

function once({ agent, url, path, method, headers }: Once): Promise<Outcome> {
  const startedMs = performance.now()
  return new Promise((done) => {
    const end = (status: number, reason: string, error: string, instance: string) =>
      done({ status, reason, error, instance, durationMs: performance.now() - startedMs })
    const outgoing = request(
      { agent, host: url.hostname, port: url.port, path, method, headers },
      (response) => {
        response.resume()
        response.on('end', () =>
          end(
            response.statusCode ?? 0,
            String(response.headers['backplane-reason'] ?? ''),
            '',
            String(response.headers['x-instance'] ?? ''),
          ),
        )
        response.on('error', (error) => end(0, '', error.message, ''))
      },
    )
    outgoing.on('error', (error: NodeJS.ErrnoException) =>
      end(0, '', error.code ?? error.message, ''),
    )
    outgoing.end()
  })
}

/** A text for an assertion that shows what failed, and how often. */
export function summarize(outcomes: readonly Outcome[]): string {
  const groups = Map.groupBy(outcomes, (one) => `${one.status} ${one.reason} ${one.error}`.trim())
  return [...groups].map(([what, all]) => `${all.length} x ${what}`).join(', ')
}
