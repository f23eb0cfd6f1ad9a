import type { FastifyInstance } from 'fastify'
import { ProblemError } from '../../platform/problem.ts'
import type { Kv } from './api.ts'
import type { Entry } from './model.ts'

/** Keys and folders of one list; a longer one says so. */
export const LISTED_MAX = 1_000
/** A value that the console shows and takes. */
const VALUE_LENGTH_MAX = 512 * 1024
const KEY = { type: 'string', maxLength: 4_096 } as const
const INDEX = {
  type: 'integer',
  minimum: 0,
  description: 'The modifyIndex that was read; 0: there is no such key yet.',
} as const

/** What the lists and the editor of the console ask for. */
export function registerKvRoutes(app: FastifyInstance, kv: Kv): void {
  app.get<{ Querystring: { readonly prefix: string } }>('/api/v1/keys', {
    schema: {
      summary: 'Keys and folders below a prefix.',
      querystring: { type: 'object', properties: { prefix: { ...KEY, default: '' } } },
    },
    handler: ({ query: { prefix } }) => list(kv, prefix),
  })
  registerEntry(app, kv)
  app.get('/api/v1/sessions', {
    schema: { summary: 'Sessions, the keys that they hold, and when they end.' },
    handler: () => sessions(kv),
  })
  app.delete<{ Params: { readonly id: string } }>('/api/v1/sessions/:id', {
    schema: {
      summary: 'Destroys a session: its keys are released or deleted, as it has asked for.',
      params: { type: 'object', properties: { id: { type: 'string', maxLength: 100 } } },
    },
    async handler({ params: { id } }) {
      if (await kv.destroySession(id)) return { id }
      throw new ProblemError(404, 'ERR_KV_SESSION_UNKNOWN', `There is no session '${id}'.`)
    },
  })
}

function registerEntry(app: FastifyInstance, kv: Kv): void {
  const path = '/api/v1/keys/entry'
  app.get<{ Querystring: { readonly key: string } }>(path, {
    schema: {
      summary: 'One key with its value.',
      querystring: { type: 'object', required: ['key'], properties: { key: KEY } },
    },
    handler: ({ query: { key } }) => describe(found(kv, key)),
  })
  app.put<{ Body: { readonly key: string; readonly value: string; readonly index: number } }>(
    path,
    {
      schema: {
        summary: 'Sets a key, if it is still as it was read.',
        body: {
          type: 'object',
          required: ['key', 'value', 'index'],
          properties: {
            key: { ...KEY, minLength: 1, pattern: '^[^\\u0000]+$' },
            value: { type: 'string', maxLength: VALUE_LENGTH_MAX },
            index: INDEX,
          },
        },
      },
      async handler({ body: { key, value, index } }) {
        const flags = kv.entry(key)?.flags ?? 0n
        const written = { key, value: Buffer.from(value), flags, index }
        const { isDone } = await kv.run({ verb: 'cas', ...written })
        if (!isDone) throw changed(key)
        return describe(found(kv, key))
      },
    },
  )
  app.delete<{ Querystring: { readonly key: string; readonly index: number } }>(path, {
    schema: {
      summary: 'Deletes a key, if it is still as it was read.',
      querystring: {
        type: 'object',
        required: ['key', 'index'],
        properties: { key: KEY, index: INDEX },
      },
    },
    async handler({ query: { key, index } }) {
      const { isDone } = await kv.run({ verb: 'delete-cas', key, index })
      if (!isDone) throw changed(key)
      return { key }
    },
  })
}

function found(kv: Kv, key: string): Entry {
  const entry = kv.entry(key)
  if (entry !== undefined) return entry
  throw new ProblemError(404, 'ERR_KV_KEY_UNKNOWN', `There is no key '${key}'.`)
}

function changed(key: string): ProblemError {
  return new ProblemError(
    409,
    'ERR_KV_CHANGED',
    `The key '${key}' was changed since it was read. Nothing was done; read it again.`,
  )
}

function list(kv: Kv, prefix: string) {
  const folders = new Map<string, number>()
  const keys: object[] = []
  let isComplete = true
  for (const entry of kv.list(prefix)) {
    const slash = entry.key.indexOf('/', prefix.length)
    const folder = slash < 0 ? '' : entry.key.slice(0, slash + 1)
    if (folder !== '' && folders.has(folder)) {
      folders.set(folder, (folders.get(folder) ?? 0) + 1)
      continue
    }
    if (folders.size + keys.length >= LISTED_MAX) {
      isComplete = false
      break
    }
    if (folder === '') keys.push(summarize(entry))
    else folders.set(folder, 1)
  }
  return {
    prefix,
    folders: [...folders].map(([folder, count]) => ({ folder, count })),
    keys,
    isComplete,
  }
}

function summarize({ key, value, modifyIndex, session, lockIndex }: Entry) {
  return { key, bytes: value.length, modifyIndex, session, lockIndex }
}

/** Text where it is text, else base64, which the console shows and does not edit. */
function describe(entry: Entry) {
  const text = entry.value.toString('utf8')
  const isText = Buffer.from(text, 'utf8').equals(entry.value)
  return {
    ...summarize(entry),
    flags: String(entry.flags),
    createIndex: entry.createIndex,
    encoding: isText ? 'utf8' : 'base64',
    value: isText ? text : entry.value.toString('base64'),
  }
}

function sessions(kv: Kv) {
  const held = new Map<string, string[]>()
  for (const { key, session } of kv.list('')) {
    if (session !== '') held.set(session, [...(held.get(session) ?? []), key])
  }
  return [...kv.sessions()].slice(0, LISTED_MAX).map((session) => {
    const endsInMs = kv.sessionEndsInMs(session.id)
    return {
      ...session,
      endsInMs: Number.isFinite(endsInMs) ? Math.max(Math.round(endsInMs), 0) : null,
      keys: (held.get(session.id) ?? []).slice(0, LISTED_MAX),
    }
  })
}
