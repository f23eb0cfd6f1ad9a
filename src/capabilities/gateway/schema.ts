import { LOAD_FACTOR } from '../../mechanisms/balancing/balancer.ts'
import { z } from 'zod'
import { absolutePath, filled, label } from '../../platform/config/names.ts'
import { issuerSettings } from './auth-settings.ts'
import { groupSettings, sharedPolicySettings } from './policy-settings.ts'
import { resilienceSettings } from './resilience-settings.ts'
import { duration, listenAddress, share, size } from '../../platform/config/units.ts'

const routeSettings = z.strictObject({
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
  priority: z
    .enum(['critical', 'normal', 'batch'])
    .default('normal')
    .describe(
      'Who is served first and shed last where a service has as many requests as it may have.',
    ),
  clientCertificate: z
    .union([z.enum(['required', 'optional']), z.array(filled()).min(1)])
    .optional()
    .describe(
      'required: 403 without a certificate of the client by one of tls.clients.authorities; a list: by one of these. Default: optional, or what tls.clients.required says.',
    ),
  groups: z
    .array(filled())
    .max(16)
    .default([])
    .describe('Groups of policies that hold here; of two that have one kind, the first.'),
  ...sharedPolicySettings,
})

const limitSettings = z.strictObject({
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
  streams: z
    .int()
    .min(1)
    .max(10_000)
    .default(128)
    .describe(
      'Requests at once on one HTTP/2 connection; more are refused, and may be sent again.',
    ),
  streamWindow: size({ min: '64KiB', max: '16MiB' })
    .prefault('128KiB')
    .describe('Bytes of one HTTP/2 request that may wait for a service that does not read.'),
  connectionWindow: size({ min: '64KiB', max: '64MiB' })
    .prefault('1MiB')
    .describe('The same for all requests of one HTTP/2 connection together.'),
})

/** Name of the cookie of `sticky-cookie` where the file says none. */
export const STICKY_COOKIE = 'backplane_instance'

const balanceSettings = z.strictObject({
  algorithm: z
    .enum(['peak-ewma', 'least-requests', 'round-robin', 'sticky-cookie', 'ring-hash', 'maglev'])
    .default('peak-ewma')
    .describe('How an instance is chosen among the routable ones.'),
  slowStart: duration({ min: '0s', max: '1h' })
    .prefault('0s')
    .describe('A new instance gets a rising share of its weight for this long.'),
  cookie: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, { error: 'must be letters, digits, _ and -, at most 64' })
    .default(STICKY_COOKIE)
    .describe('Name of the cookie of sticky-cookie.'),
  by: z
    .union([
      z.enum(['address']),
      z.strictObject({ header: filled().describe('Name of the request header.') }),
      z.strictObject({ cookie: filled().describe('Name of the cookie.') }),
      z.strictObject({
        segment: z.int().min(1).max(32).describe('Segment of the path, counted from 1.'),
      }),
    ])
    .default('address')
    .describe(
      'What ring-hash and maglev go by: requests with the same value go to the same instance, as long as that has no more in flight than `load` says. A request without a value is balanced by peak-ewma.',
    ),
  load: z
    .number()
    .min(1)
    .max(100)
    .default(LOAD_FACTOR)
    .describe(
      'ring-hash and maglev: how many times its part of what is in flight an instance may have before its keys go on to the next one.',
    ),
  backups: z
    .array(filled())
    .default([])
    .describe(
      'Instances (ids, or addresses host:port) that get requests only while all others are ejected, refuse calls or were tried; those whose metadata says backup: true, too.',
    ),
  panic: share()
    .prefault('0%')
    .describe(
      'Where fewer than this share of the instances is left, ejection is ignored: few that are well would be overrun. 0%: where none is left.',
    ),
  subset: z
    .strictObject({
      label: filled().describe('Key of the metadata of instances, such as version.'),
      header: filled().describe('The header of a request that says which value it wants.'),
      otherwise: filled()
        .optional()
        .describe('The value of requests without the header; without it they go to any instance.'),
      missing: z
        .enum(['refuse', 'any'])
        .default('refuse')
        .describe('Where no instance has the value: 503 ERR_GATEWAY_NO_INSTANCE, or any instance.'),
    })
    .optional()
    .describe('Requests choose among the instances by a label of theirs.'),
})

/** How its requests are balanced, bounded and tried again. */
export const serviceShape = {
  calls: z
    .array(filled())
    .optional()
    .describe(
      'Services that it may call through outbound listeners; default: all, and with more than 20 services all callers share one listener a service, without attribution.',
    ),
  protocol: z
    .enum(['http1', 'h2c', 'h2'])
    .default('http1')
    .describe(
      'What its instances speak: HTTP/1.1, or HTTP/2 (gRPC needs that): h2c in the clear, h2 with tls; WebSockets go over HTTP/1.1 in either case.',
    ),
  balance: balanceSettings.prefault({}).describe('Load balancing.'),
  resilience: resilienceSettings.prefault({}).describe('Deadlines, breakers, retries, ejection.'),
  connections: z
    .int()
    .min(1)
    .max(100_000)
    .default(1024)
    .describe('Open connections to one instance; beyond it requests wait.'),
  pending: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(1024)
    .describe('Requests that may wait for a connection; beyond it 503.'),
} as const

/** The section `gateway`. */
export const gatewaySection = z
  .strictObject({
    workers: z
      .int()
      .min(0)
      .max(64)
      .default(0)
      .describe('Threads of the data plane; 0 is one a core. Needs a restart.'),
    routes: z
      .array(routeSettings)
      .default([])
      .describe('The most specific matching route wins; the order in the file breaks ties.'),
    policies: groupSettings
      .prefault({})
      .describe('Policies of all routes that do not say otherwise themselves or by a group.'),
    groups: z
      .record(label(), groupSettings)
      .default({})
      .describe('Policies that routes share by name.'),
    issuers: z
      .record(label(), issuerSettings)
      .default({})
      .describe('Who signs the tokens that auth.jwt takes.'),
    zone: filled()
      .optional()
      .describe(
        'Where this gateway is: instances whose metadata says another zone get what those of this zone can not take (more than 28% of them ejected, or no room). Who says no zone is here. Metadata priority (0 to 7) does the same within any zone.',
      ),
    trustedProxies: z
      .array(filled())
      .default([])
      .describe('CIDR blocks whose X-Forwarded-* and Forwarded are believed.'),
    hosts: z
      .array(filled())
      .default([])
      .describe(
        'Host names that the gateway answers to on loopback, besides localhost, addresses and the hosts of routes; * is every name.',
      ),
    proxyProtocol: z
      .boolean()
      .default(false)
      .describe(
        'Connections begin with a PROXY protocol header (v1 or v2), only from trustedProxies.',
      ),
    tracing: z
      .strictObject({
        sampleRate: share()
          .prefault('100%')
          .describe(
            'Share of the traces that begin at our listeners and are marked as sampled; a trace that a client began keeps its mark.',
          ),
      })
      .prefault({})
      .describe('Trace context (W3C), which services get as traceparent.'),
    limits: limitSettings
      .prefault({})
      .describe('A limit on everything that a client can make large.'),
  })
  .prefault({})
  .describe('The HTTP gateway.')

/** `gateway` of the file. */
export type GatewaySettings = z.output<typeof gatewaySection>
/** A service as this capability sees it. */
export type BalancedService = z.output<z.ZodObject<typeof serviceShape>>
