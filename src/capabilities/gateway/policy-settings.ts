import { z } from 'zod'
import type { PolicyKind } from '../../contracts/policies.ts'
import { duration, rate } from '../../platform/config/units.ts'
import { filled } from '../../platform/config/names.ts'
import { authSettings } from './auth-settings.ts'

const BURST_MAX = 10_000_000
/** It is in memory and in every snapshot. */
const BODY_LENGTH_MAX = 65_536

/** One limit. */
export const limitSettings = z.strictObject({
  rate: rate().describe('What flows in: 100/s, 6000/m or 10/h.'),
  burst: z
    .int()
    .min(1)
    .max(BURST_MAX)
    .optional()
    .describe('What may come at once; default: what flows in within a second, at least 1.'),
  by: z
    .union([
      z.enum(['address', 'route']),
      z.strictObject({ header: filled().describe('Name of the request header.') }),
    ])
    .default('address')
    .describe(
      'Who shares a bucket: each address (IPv6: each /64), each value of a header (without regard to case and white space), or the whole route.',
    ),
})

const fieldMap = () => z.record(z.string(), z.string()).default({})

/** What is changed in the fields of one side. */
const fieldChanges = z.strictObject({
  set: fieldMap().describe('In place of all headers of this name.'),
  add: fieldMap().describe('Besides those that are there.'),
  remove: z.array(z.string()).default([]).describe('Names of headers.'),
})

type PolicySchemas = { readonly [Kind in PolicyKind]: z.ZodType }

/** The policies among the settings of a route, by kind. */
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
  limit: z
    .union([limitSettings, z.array(limitSettings).min(1).max(8)])
    .optional()
    .describe('Requests within a time, over all workers; 429 beyond it. A list: all of them hold.'),
  auth: authSettings.optional().describe('Who may call, and how that is found out; 401 and 403.'),
  headers: z
    .record(z.string(), z.union([z.string(), fieldChanges]))
    .default({})
    .describe(
      'A text: the header must have this value, * means present. And below the names request and response: what is changed in requests to the service and in its answers.',
    ),
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
function orOff<Schema extends z.ZodOptional>(schema: Schema) {
  const given = z.union([z.literal('off'), schema.unwrap()]).optional()
  return given.describe(`${schema.description ?? ''} off: none, also not an inherited one.`)
}

/** The policies among the settings of a route, or of a group: a kind that is `off` is not inherited. */
export const sharedPolicySettings = {
  cors: orOff(policySettings.cors),
  limit: orOff(policySettings.limit),
  auth: orOff(policySettings.auth),
  headers: policySettings.headers,
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

/** The policies that a route has, in the order of their kinds. */
export function policyKindsOf(route: PolicySettings): readonly PolicyKind[] {
  return (Object.keys(policySettings) as PolicyKind[]).filter((kind) =>
    kind === 'headers'
      ? Object.values(route.headers).some((value) => typeof value !== 'string')
      : route[kind] !== undefined,
  )
}

/** Whether the route answers without any service. */
export function answersItself(route: PolicySettings): boolean {
  return route.redirect !== undefined || route.respond !== undefined
}
