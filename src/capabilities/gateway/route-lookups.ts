import type { FastifyInstance } from 'fastify'
import type { GatewayConfig } from './api.ts'
import { type CountInstances, listRoutes, tryRoute } from './try-route.ts'

const HEADERS_MAX = 64

/** The routes; and which of them a request would take, and why, without sending one. */
export function registerTryRoute(
  app: FastifyInstance,
  config: () => GatewayConfig,
  countOf: CountInstances,
): void {
  app.get(
    '/api/v1/routes',
    {
      schema: {
        summary: 'The HTTP routes of the configuration, with the policies that hold for each.',
      },
    },
    () => listRoutes(config()),
  )
  app.get<{
    Querystring: { method: string; target: string; host: string; header?: string[] }
  }>(
    '/api/v1/try',
    {
      schema: {
        summary:
          'Which route a request would take, which policies hold for it, which service gets it, and why. Nothing is sent.',
        querystring: {
          type: 'object',
          required: ['target'],
          properties: {
            method: { type: 'string', pattern: '^[A-Z]{1,32}$', default: 'GET' },
            target: { type: 'string', pattern: '^/', maxLength: 8_192 },
            host: { type: 'string', maxLength: 300, default: '' },
            header: {
              type: 'array',
              maxItems: HEADERS_MAX,
              items: { type: 'string', pattern: '^[^:\\s]+:', maxLength: 8_192 },
            },
          },
        },
      },
    },
    ({ query: { method, target, host, header = [] } }) =>
      tryRoute(
        config(),
        { method, target, host: hostnameOf(host), headers: headersOf(header) },
        countOf,
      ),
  )
}

/** As the gateway reads it: lower case, without port and final dot. */
function hostnameOf(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '')
}

function headersOf(lines: readonly string[]): ReadonlyMap<string, string> {
  const headers = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    const before = headers.get(name)
    const value = line.slice(colon + 1).trim()
    headers.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  return headers
}
