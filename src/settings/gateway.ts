import { z } from 'zod'
import { duration, listenAddress, share, size } from '../platform/config/units.ts'
import { absolutePath, filled } from './names.ts'
import { policySettings } from './policies.ts'

/** One entry of `gateway.routes`. */
export const routeSettings = z.strictObject({
  id: filled().optional().describe('Name in logs and metrics; default: method, host and path.'),
  tcp: listenAddress().optional().describe('A raw TCP listener instead of an HTTP route.'),
  host: z
    .union([filled(), z.array(filled()).min(1)])
    .optional()
    .describe('Host, or *.example.com.'),
  path: absolutePath()
    .default('/**')
    .describe('Exact, {param}, * for one segment, ** for the rest.'),
  methods: z
    .array(z.string().regex(/^[A-Z]+$/, { error: 'must be a method in capitals, such as GET' }))
    .default([])
    .describe('Empty: all.'),
  query: z
    .record(z.string(), z.string())
    .default({})
    .describe('Query parameter that must have this value; * means present.'),
  to: filled().optional().describe('Service that gets the request.'),
  split: z
    .array(
      z.strictObject({
        to: filled().describe('Service that gets this part.'),
        weight: share().describe('Its share; all of them sum up to 100%.'),
      }),
    )
    .min(1)
    .optional()
    .describe('Services by share, instead of to.'),
  strip: absolutePath().optional().describe('Prefix that is removed from the path.'),
  timeout: duration({ min: '10ms', max: '1h' })
    .optional()
    .describe("Total deadline; default: the service's."),
  ...policySettings,
})

/** `gateway.limits`. */
export const limitSettings = z.strictObject({
  requestLine: size({ min: '64B', max: '1MiB' }).prefault('16KiB').describe('414 beyond it.'),
  head: size({ min: '256B', max: '1MiB' }).prefault('64KiB').describe('431 beyond it.'),
  headers: z.int().min(1).max(1000).default(100).describe('431 beyond it.'),
  body: size({ min: '0B', max: '1TiB' })
    .prefault('0B')
    .describe('413 beyond it; 0B is no limit (bodies are streamed).'),
  connections: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(20_000)
    .describe(
      'Client connections, all workers together; beyond it a new one is answered 503 and closed.',
    ),
  requests: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(10_000)
    .describe('Requests in flight, all workers together; 503 beyond it.'),
  headTimeout: duration({ min: '100ms', max: '10m' })
    .prefault('10s')
    .describe('First byte to end of the head; 408 beyond it.'),
  idleTimeout: duration({ min: '100ms', max: '1h' })
    .prefault('75s')
    .describe('Keep-alive without a request.'),
  bodyTimeout: duration({ min: '100ms', max: '1h' })
    .prefault('60s')
    .describe('No byte of a body in either direction.'),
  tunnelIdleTimeout: duration({ min: '0s', max: '24h' })
    .prefault('0s')
    .describe('WebSocket and TCP without a byte; 0s is none.'),
  responseHead: size({ min: '256B', max: '1MiB' }).prefault('64KiB').describe('502 beyond it.'),
})
