import { request, type IncomingHttpHeaders } from 'node:http'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import type { Clock } from '../../../platform/capability.ts'
import { systemClock } from '../../../platform/clock.ts'
import { openLean } from '../../../platform/http/lean/lean.ts'
import type { Topic } from '../answers.ts'
import { createWaits } from '../blocking.ts'
import { OPEN, type Authorizer } from '../permissions.ts'
import { createRouter, type Route } from '../router.ts'
import { consulListener } from '../serve.ts'

/** What a call was answered with. */
export interface Answered {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** Of JSON. */
  json<Value = unknown>(): Value
}

/** Makes one call. */
export type MakeCall = (
  path: string,
  options?: {
    readonly method?: string
    readonly body?: string | Buffer | object
    readonly headers?: Readonly<Record<string, string>>
    readonly signal?: AbortSignal
  },
) => Promise<Answered>

/** Serves routes on a free port of loopback until the test ends. */
export async function serveConsul(
  t: TestContext,
  routes: readonly Route[],
  { authorizer = OPEN, clock = systemClock }: { authorizer?: Authorizer; clock?: Clock } = {},
) {
  const errors: unknown[] = []
  const waits = createWaits(clock, () => 0.5)
  const log = (_level: string, _message: string, fields?: object) => void errors.push(fields)
  const on = { router: createRouter(routes), waits, authorizer, datacenter: 'dc1', hosts: [], log }
  const at = { name: 'consul', host: '127.0.0.1', port: 0, clock, mayConnect: () => true }
  const opened = await openLean(at, consulListener({ ...on, demandsCredentials: true }), log)
  t.after(async () => {
    waits.close()
    await opened.close()
  })
  return { waits, errors, port: opened.port, call: callAt(opened.port) }
}

/** Calls of a Consul API on this port. */
export function callAt(port: number): MakeCall {
  return async (path, { method = 'GET', body, headers = {}, signal } = {}) => {
    const bytes = typeof body === 'object' && !Buffer.isBuffer(body) ? JSON.stringify(body) : body
    const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
      const options = { port, host: '127.0.0.1', path, method, headers, agent: false as const }
      request({ ...options, ...(signal === undefined ? {} : { signal }) }, resolve)
        .on('error', reject)
        .end(bytes)
    })
    const answered = await text(response)
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      text: answered,
      json: <Value>() => JSON.parse(answered) as Value,
    }
  }
}

/** A topic that a test moves. */
export function createTestTopic(): Topic & { change(): void; readonly watchers: number } {
  let index = 1
  const listeners = new Set<() => void>()
  return {
    index: () => index,
    newest: () => 1_000,
    subscribe(changed) {
      listeners.add(changed)
      return () => listeners.delete(changed)
    },
    change() {
      index++
      for (const listener of listeners) listener()
    },
    get watchers() {
      return listeners.size
    },
  }
}

/** Lets what is ready run, until it is so. */
export async function until(isSo: () => boolean, what: string): Promise<void> {
  const endMs = performance.now() + 10_000
  while (!isSo()) {
    if (performance.now() > endMs) throw new Error(`waited for ${what}`)
    await new Promise((done) => setImmediate(done))
  }
}
