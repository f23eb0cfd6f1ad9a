import type { RouteOptions } from 'fastify'

declare module 'fastify' {
  interface FastifySchema {
    /** One sentence for the OpenAPI document. */
    summary?: string
    tags?: readonly string[]
  }
}

/** Collects the routes of a listener as they are registered. */
export interface OpenApi {
  add(route: RouteOptions): void
  /** OpenAPI 3.1, with paths that others serve. */
  document(more?: readonly (readonly [string, unknown])[]): Readonly<Record<string, unknown>>
}

interface RouteSchema {
  readonly summary?: string
  readonly tags?: readonly string[]
  readonly body?: unknown
  readonly params?: SchemaObject
  readonly querystring?: SchemaObject
  readonly response?: Readonly<Record<string, unknown>>
}
interface SchemaObject {
  readonly properties?: Readonly<Record<string, unknown>>
  readonly required?: readonly string[]
}

const problemContent = {
  'application/problem+json': {
    schema: {
      type: 'object',
      required: ['type', 'title', 'status', 'detail', 'code'],
      properties: {
        type: { type: 'string' },
        title: { type: 'string' },
        status: { type: 'integer' },
        detail: { type: 'string' },
        code: { type: 'string', description: 'Stable; docs/errors.md explains each.' },
      },
    },
  },
}

/** Routes without a `summary` in their schema are internal (static files) and left out. */
export function createOpenApi(): OpenApi {
  const paths = new Map<string, Map<string, unknown>>()
  return {
    add(route) {
      const schema = (route.schema ?? {}) as RouteSchema
      if (schema.summary === undefined) return
      const path = route.url.replace(/:(\w+)/g, '{$1}')
      const operations = paths.get(path) ?? new Map<string, unknown>()
      for (const method of [route.method].flat()) {
        if (method === 'HEAD') continue
        operations.set(method.toLowerCase(), operationOf(schema, route.url))
        paths.set(path, operations)
      }
    },
    document: (more = []) => ({
      openapi: '3.1.0',
      info: { title: 'Backplane admin API', version: '1', license: { name: 'Apache-2.0' } },
      paths: Object.fromEntries([
        ...[...paths].map(([path, operations]) => [path, Object.fromEntries(operations)] as const),
        ...more,
      ]),
    }),
  }
}

function operationOf(schema: RouteSchema, url: string): Readonly<Record<string, unknown>> {
  const answers = Object.entries(schema.response ?? { 200: { type: 'object' } })
  return {
    summary: schema.summary,
    ...(schema.tags === undefined ? {} : { tags: schema.tags }),
    parameters: [
      ...parametersOf('path', pathSchemaOf(url, schema.params)),
      ...parametersOf('query', schema.querystring),
    ],
    ...(schema.body === undefined
      ? {}
      : {
          requestBody: { required: true, content: { 'application/json': { schema: schema.body } } },
        }),
    responses: {
      ...Object.fromEntries(
        answers.map(([status, body]) => [
          status,
          { description: 'Answer', content: { 'application/json': { schema: body } } },
        ]),
      ),
      default: { description: 'Problem', content: problemContent },
    },
  }
}

/** Every name in the path is a parameter, also one that the route does not describe: OpenAPI 3.1 demands it. */
function pathSchemaOf(url: string, schema: SchemaObject | undefined): SchemaObject {
  const named = [...url.matchAll(/:(\w+)/g)].map(([, name = '']) => [name, { type: 'string' }])
  return { properties: { ...Object.fromEntries(named), ...schema?.properties } }
}

function parametersOf(where: 'path' | 'query', schema: SchemaObject | undefined): unknown[] {
  return Object.entries(schema?.properties ?? {}).map(([name, of]) => ({
    name,
    in: where,
    required: where === 'path' || (schema?.required ?? []).includes(name),
    schema: of,
  }))
}
