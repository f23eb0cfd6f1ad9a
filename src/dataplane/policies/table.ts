import type { LimitSpec, PolicyKind, PolicySpecs } from '../../contracts/policies.ts'
import { compileAuth } from './auth.ts'
import { compileCompress } from './compress.ts'
import { compileCors } from './cors.ts'
import { compileFault } from './fault.ts'
import { compileHeaders } from './headers.ts'
import { compileIp } from './ip.ts'
import { compileLimit } from './limit.ts'
import { compileMirror } from './mirror.ts'
import type { Policy, PolicyGround } from './policy.ts'
import { compileQuota } from './quota.ts'
import { compileRedirect } from './redirect.ts'
import { compileRespond } from './respond.ts'
import { compileRewrite } from './rewrite.ts'

/** Where a policy may act. */
export type PolicyHook = 'request' | 'response' | 'end'

/** One kind of policy. */
export interface PolicyEntry<Spec> {
  /** The functions that its policies have; `headers` needs none, since what it does is known when the route is compiled. */
  readonly hooks: readonly PolicyHook[]
  /** Its `request` may answer `VERDICT.pending`: the exchange must be able to own the bytes of its request. */
  readonly mayPend: boolean
  compile(spec: Spec, ground: PolicyGround): Policy
  /** One that needs to know who calls runs behind `auth`, the others of its kind in the place of the kind. */
  isLate?(spec: Spec): boolean
}

type PolicyTable = { readonly [Kind in PolicyKind]: PolicyEntry<PolicySpecs[Kind]> }

/**
 * All policies by kind, in the order in which they run, whatever the order in the file (docs/guides/policies.md):
 * `cors` first, because a browser shows no answer without its fields, not even a 429, and asks for permission without credentials; `ip` costs least;
 * `limit` before anything that costs more; `auth` before all that trusts who calls; then what changes the request; then those that answer in place of an instance.
 */
export const POLICIES = {
  cors: { hooks: ['request'], mayPend: false, compile: compileCors },
  ip: { hooks: ['request'], mayPend: false, compile: compileIp },
  limit: { hooks: ['request'], mayPend: false, compile: compileLimit, isLate: countsCallers },
  auth: { hooks: ['request'], mayPend: true, compile: compileAuth },
  quota: { hooks: ['request'], mayPend: false, compile: compileQuota },
  fault: { hooks: ['request'], mayPend: true, compile: compileFault },
  headers: { hooks: [], mayPend: false, compile: compileHeaders },
  rewrite: { hooks: ['request'], mayPend: false, compile: compileRewrite },
  mirror: { hooks: ['request'], mayPend: false, compile: compileMirror },
  compress: { hooks: ['request', 'response'], mayPend: false, compile: compileCompress },
  redirect: { hooks: ['request'], mayPend: false, compile: compileRedirect },
  respond: { hooks: ['request'], mayPend: false, compile: compileRespond },
} as const satisfies PolicyTable

/** Limits by subject: they run behind `auth`. */
function countsCallers({ by }: LimitSpec): boolean {
  return by === 'subject'
}

/** The kinds in the order in which they run. */
export const POLICY_ORDER = Object.keys(POLICIES) as readonly PolicyKind[]
