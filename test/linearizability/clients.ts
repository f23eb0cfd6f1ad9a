import { Agent, request } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Recorded } from './checker.ts'
import type { KeyOp, KeyResult } from './key-model.ts'

/** A call of one key, as it was recorded. */
export interface KeyCall extends Recorded<KeyOp, KeyResult> {
  /** '' for `destroy`, which is of all keys. */
  readonly key: string
}

/** Where a Consul API is, and when it is there again after it was not. */
export interface Target {
  readonly port: number
  isThere(): Promise<void>
}

/** One client with a connection of its own, which records what it does. */
export class RecordingClient {
  readonly #target: Target
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  readonly #history: KeyCall[]

  constructor(target: Target, history: KeyCall[]) {
    this.#target = target
    this.#history = history
  }

  close(): void {
    this.#agent.destroy()
  }

  /** Undefined where the answer never came; then it has waited until somebody is there again. */
  async run(key: string, op: KeyOp): Promise<KeyResult | undefined> {
    const sentMs = performance.now()
    try {
      const { status, body } = await this.#call(...callOf(key, op))
      const result = resultOf(op, status, body)
      this.#history.push({ key, op, sentMs, answeredMs: performance.now(), result })
      return result
    } catch (error) {
      if (error instanceof WrongAnswerError) throw error
      this.#history.push({ key, op, sentMs, answeredMs: Infinity, result: undefined })
      await this.#target.isThere()
      return undefined
    }
  }

  /** A new session without a lock delay. */
  async createSession(): Promise<string> {
    for (;;) {
      try {
        const body = JSON.stringify({ LockDelay: '0s' })
        const answered = await this.#call('PUT', '/v1/session/create', body)
        return (JSON.parse(answered.body) as { ID: string }).ID
      } catch {
        await this.#target.isThere()
      }
    }
  }

  #call(method: string, path: string, body: string): Promise<{ status: number; body: string }> {
    return new Promise((resolve, reject) => {
      const to = { host: '127.0.0.1', port: this.#target.port, agent: this.#agent }
      request({ ...to, method, path }, (response) => {
        text(response).then(
          (answered) => resolve({ status: response.statusCode ?? 0, body: answered }),
          reject,
        )
      })
        .on('error', reject)
        .end(body)
    })
  }
}

/** An answer that no Consul gives. */
class WrongAnswerError extends Error {
  override readonly name = 'WrongAnswerError'
}

function callOf(key: string, op: KeyOp): [method: string, path: string, body: string] {
  const path = `/v1/kv/${key}`
  switch (op.kind) {
    case 'get':
      return ['GET', path, '']
    case 'put':
      return ['PUT', path, op.value]
    case 'delete':
      return ['DELETE', path, '']
    case 'cas':
      return ['PUT', `${path}?cas=${op.index}`, op.value]
    case 'acquire':
    case 'release':
      return ['PUT', `${path}?${op.kind}=${op.session}`, op.value]
    case 'destroy':
      return ['PUT', `/v1/session/destroy/${op.session}`, '']
  }
}

function resultOf(op: KeyOp, status: number, body: string): KeyResult {
  if (op.kind === 'get' && status === 404) return { kind: 'missing' }
  if (op.kind === 'get' && status === 200) return foundOf(body)
  if (status === 500 && body.startsWith('invalid session')) return { kind: 'invalid' }
  if (status === 200 && (body === 'true' || body === 'false')) {
    return { kind: 'done', isDone: body === 'true' }
  }
  throw new WrongAnswerError(`${op.kind}: ${status} ${body}`)
}

function foundOf(body: string): KeyResult {
  const [entry] = JSON.parse(body) as {
    readonly Value: string | null
    readonly ModifyIndex: number
    readonly LockIndex: number
    readonly Session?: string
  }[]
  if (entry === undefined) throw new WrongAnswerError(body)
  return {
    kind: 'found',
    value: Buffer.from(entry.Value ?? '', 'base64').toString(),
    index: entry.ModifyIndex,
    session: entry.Session ?? '',
    lockIndex: entry.LockIndex,
  }
}

/** A client that does so many things at random, on keys that others use, too. */
export async function actAtRandom(
  client: RecordingClient,
  name: string,
  keys: readonly string[],
  count: number,
  random: () => number,
): Promise<void> {
  let session = await client.createSession()
  let index = 0
  for (let at = 0; at < count; at++) {
    const key = keys[Math.floor(random() * keys.length)]!
    const value = `${name}.${at}`
    const chance = random()
    if (chance < 0.3) {
      const read = await client.run(key, { kind: 'get' })
      index = read?.kind === 'found' ? read.index : 0
      await client.run(key, { kind: 'cas', value, index })
    } else if (chance < 0.45) await client.run(key, { kind: 'put', value })
    else if (chance < 0.5) await client.run(key, { kind: 'delete' })
    else if (chance < 0.75) await client.run(key, { kind: 'acquire', value, session })
    else if (chance < 0.95) await client.run(key, { kind: 'release', value, session })
    else {
      await client.run('', { kind: 'destroy', session })
      session = await client.createSession()
    }
  }
}
