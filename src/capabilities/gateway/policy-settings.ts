import { z } from 'zod'
import type { PolicyKind } from '../../contracts/policies.ts'
import { duration, rate, share, size } from '../../platform/config/units.ts'
import { absolutePath, filled } from '../../platform/config/names.ts'
import { WINDOW_COUNT_MAX } from '../../mechanisms/sliding-window/sliding-window.ts'
import { authSettings } from './auth-settings.ts'

const BURST_MAX = 10_000_000
/** It is in memory and in every snapshot. */
const BODY_LENGTH_MAX = 65_536

/** One limit: of rate, requests with window, and concurrency it has one. */
export const limitSettings = z.strictObject({
  rate: rate().optional().describe('Token bucket: what flows in, 100/s, 6000/m or 10/h.'),
  burst: z
    .int()
    .min(1)
    .max(BURST_MAX)
    .optional()
    .describe('What may come at once; default: what flows in within a second, at least 1.'),
  requests: z
    .int()
    .min(1)
    .max(WINDOW_COUNT_MAX)
    .optional()
    .describe('Sliding window: how many may come within window.'),
  window: duration({ min: '100ms', max: '24h' })
    .optional()
    .describe('Length of the sliding window.'),
  concurrency: z
    .int()
    .min(1)
    .max(1_000_000)
    .optional()
    .describe('How many may be under way at a time.'),
  by: z
    .union([
      z.enum(['address', 'route', 'subject']),
      z.strictObject({ header: filled().describe('Name of the request header.') }),
    ])
    .default('address')
    .describe(
      'Who is counted together: each address (IPv6: each /64), who calls as auth has found out (subject), each value of a header (without regard to case and white space), or the whole route.',
    ),
})

/** One quota. */
const quotaSettings = z.strictObject({
  requests: z.int().min(1).max(4_000_000_000).describe('How many may come.'),
  per: z.enum(['hour', 'day', 'month']).describe('Of the calendar, UTC.'),
  by: z
    .union([
      z.enum(['address', 'route', 'subject']),
      z.strictObject({ header: filled().describe('Name of the request header.') }),
    ])
    .default('subject')
    .describe('Who is counted together, as for limit.'),
})

const fieldMap = () => z.record(z.string(), z.string()).default({})

/** What is changed in the fields of one side. */
const fieldChanges = z.strictObject({
  set: fieldMap().describe('In place of all headers of this name.'),
  add: fieldMap().describe('Besides those that are there.'),
  remove: z.array(z.string()).default([]).describe('Names of headers.'),
})

type PolicySchemas = { readonly [Kind in PolicyKind]: z.ZodType }

/** The policies among the settings of a route, by kind, in the order in which they run. */
export const policySettings = {
  cors: z
    .strictObject({
      origins: z
        .array(filled())
        .min(1)
        .describe('Pages that may call: https://app.example.com, https://*.example.com, null, *.'),
      methods: z
        .array(z.string().regex(/^[A-Z]+$/, { error: 'must be a method in capitals, such as GET' }))
        .default([])
        .describe("Empty: the route's, or GET, HEAD, POST, PUT, PATCH and DELETE."),
      headers: z
        .array(filled())
        .optional()
        .describe('Request headers that pages may send; default: all.'),
      exposes: z.array(filled()).default([]).describe('Response headers that pages may read.'),
      credentials: z
        .boolean()
        .default(false)
        .describe('Pages may send cookies and credentials of the browser.'),
      maxAge: duration({ min: '0s', max: '24h' })
        .prefault('10m')
        .describe('How long browsers remember a permission.'),
    })
    .optional()
    .describe('Answers browsers that ask whether a page of another origin may call this route.'),
  ip: z
    .strictObject({
      allow: z
        .array(filled())
        .max(1_000)
        .default([])
        .describe('Addresses and CIDR blocks that may call; empty: all that are not denied.'),
      deny: z
        .array(filled())
        .max(1_000)
        .default([])
        .describe('Addresses and blocks that may not, also where they are allowed.'),
    })
    .optional()
    .describe('Who may call by address; behind gateway.trustedProxies that of the client.'),
  limit: z
    .union([limitSettings, z.array(limitSettings).min(1).max(8)])
    .optional()
    .describe('Requests within a time, over all workers; 429 beyond it. A list: all of them hold.'),
  auth: authSettings.optional().describe('Who may call, and how that is found out; 401 and 403.'),
  quota: z
    .union([quotaSettings, z.array(quotaSettings).min(1).max(8)])
    .optional()
    .describe(
      'Requests an hour, day or month of the calendar (UTC), kept over restarts; 429 beyond it. A list: all of them hold.',
    ),
  fault: z
    .strictObject({
      delay: z
        .strictObject({
          share: share().describe('Of the requests.'),
          time: duration({ min: '1ms', max: '30s' }).describe('How long they wait.'),
        })
        .optional()
        .describe('Some requests wait.'),
      abort: z
        .strictObject({
          share: share().describe('Of the requests.'),
          status: z.int().min(400).max(599).default(503).describe('Of the answer.'),
        })
        .optional()
        .describe('Some requests fail.'),
    })
    .optional()
    .describe('Trouble on purpose, to see what callers make of it.'),
  headers: z
    .record(z.string(), z.union([z.string(), fieldChanges]))
    .default({})
    .describe(
      'A text: the header must have this value, * means present. And below the names request and response: what is changed in requests to the service and in its answers.',
    ),
  rewrite: z
    .strictObject({
      path: absolutePath()
        .optional()
        .describe('In place of the path (strip is not looked at then): /v2/{id}, /v2/{rest}.'),
      query: z
        .strictObject({
          set: fieldMap().describe('Parameters by name, in place of those that came.'),
          remove: z.array(filled()).default([]).describe('Names of parameters.'),
        })
        .prefault({})
        .describe('What is changed in the query.'),
      headers: fieldMap().describe('Headers that the service gets, in place of those that came.'),
    })
    .optional()
    .describe(
      'What the service gets. In the texts stand {host}, {path}, {query}, {address}, {scheme}, {method}, {subject}, {header.NAME}, {claim.NAME} and parameters of the path.',
    ),
  mirror: z
    .strictObject({
      to: filled().describe('Service that gets a copy.'),
      share: share().prefault('100%').describe('Of the requests.'),
    })
    .optional()
    .describe(
      'A copy of requests goes to another service, behind the request itself; its answers are thrown away.',
    ),
  compress: z
    .strictObject({
      encodings: z
        .array(z.enum(['zstd', 'br', 'gzip']))
        .min(1)
        .default(['zstd', 'br', 'gzip'])
        .describe('What is offered, the best first of those that a client likes equally.'),
      types: z
        .array(
          z.string().regex(/^[a-z0-9!#$&^_.+*-]+(\/[a-z0-9!#$&^_.+*-]+)?$/, {
            error: 'must be a content type in lower case: text/html, text/*, *+json',
          }),
        )
        .min(1)
        .default([
          'text/*',
          'application/json',
          '*+json',
          'application/javascript',
          'application/xml',
          '*+xml',
          'application/wasm',
        ])
        .describe('Content types that are worth it: text/html, text/*, *+json.'),
      minimum: size({ min: '0B', max: '1MiB' })
        .prefault('1KiB')
        .describe('Shorter answers go as they are.'),
    })
    .optional()
    .describe('Answers are compressed for clients that take it.'),
  redirect: z
    .strictObject({
      to: filled().describe(
        'A URL or a path, with {host}, {path}, {query}, {rest} (of **) and parameters of the path.',
      ),
      status: z
        .union([z.literal(301), z.literal(302), z.literal(303), z.literal(307), z.literal(308)])
        .default(307)
        .describe('307 and 308 keep the method; 301 and 308 are remembered by browsers.'),
    })
    .optional()
    .describe('Sends the client somewhere else, instead of to.'),
  respond: z
    .strictObject({
      status: z.int().min(200).max(599).default(200).describe('Of the answer.'),
      body: z.string().max(BODY_LENGTH_MAX).default('').describe('Text.'),
      contentType: filled().default('text/plain; charset=utf-8').describe('Of the body.'),
      headers: fieldMap().describe('More headers of the answer.'),
    })
    .optional()
    .describe('Answers by itself, instead of to.'),
} as const satisfies PolicySchemas

/** The policies that hold for a route. */
export type PolicySettings = z.output<z.ZodObject<typeof policySettings>>
/** What is changed in one side's headers. */
export type ChangeSettings = z.output<typeof fieldChanges>
/** The settings of one kind. */
export type SettingsOf<Kind extends PolicyKind> = NonNullable<PolicySettings[Kind]>

/** `off`: what groups and gateway say of this kind does not hold here. */
function orOff<Inner extends z.ZodType>(schema: z.ZodOptional<Inner>) {
  const given = z.union([z.literal('off'), schema.unwrap()]).optional()
  return given.describe(`${schema.description ?? ''} off: none, also not an inherited one.`)
}

/** The policies among the settings of a route, or of a group: a kind that is `off` is not inherited. */
export const sharedPolicySettings = {
  cors: orOff(policySettings.cors),
  ip: orOff(policySettings.ip),
  limit: orOff(policySettings.limit),
  auth: orOff(policySettings.auth),
  quota: orOff(policySettings.quota),
  fault: orOff(policySettings.fault),
  headers: policySettings.headers,
  rewrite: orOff(policySettings.rewrite),
  mirror: orOff(policySettings.mirror),
  compress: orOff(policySettings.compress),
  redirect: orOff(policySettings.redirect),
  respond: orOff(policySettings.respond),
} as const satisfies PolicySchemas

/** Policies that several routes share. */
export const groupSettings = z.strictObject(sharedPolicySettings)
export type GroupSettings = z.output<typeof groupSettings>
/** The policies of a route or a group, as the file has them. */
export type RoutePolicies = z.output<z.ZodObject<typeof sharedPolicySettings>>

/** What this file needs to know of a route. */
export interface PolicyRoute extends PolicySettings {
  readonly path: string
  readonly methods: readonly string[]
  readonly to?: string | undefined
  readonly split?: unknown
}

/** The kinds in the order in which they run (docs/guides/policies.md). */
export const POLICY_KINDS = Object.keys(policySettings) as readonly PolicyKind[]

/** The policies that a route has, in the order of their kinds. */
export function policyKindsOf(route: PolicySettings): readonly PolicyKind[] {
  return POLICY_KINDS.filter((kind) =>
    kind === 'headers'
      ? Object.values(route.headers).some((value) => typeof value !== 'string')
      : route[kind] !== undefined,
  )
}

/** Whether the route answers without any service. */
export function answersItself(route: PolicySettings): boolean {
  return route.redirect !== undefined || route.respond !== undefined
}
