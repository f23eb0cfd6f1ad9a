import type { PolicySpec } from '../../contracts/policies.ts'
import type { ResponseHead } from '../../mechanisms/http1/response-head.ts'
import { type Policy, type PolicyExchange, type PolicyGround, VERDICT } from './policy.ts'
import { POLICIES, POLICY_ORDER, type PolicyEntry } from './table.ts'

/** The policies of one route, ready to run. */
export interface CompiledPolicies {
  /** In the order in which they run. */
  readonly list: readonly Policy[]
  /** The configuration's line of each policy in `list`. */
  readonly sources: readonly string[]
  /** Merged from all of them; see Policy. */
  readonly dropsRequestFields: readonly string[]
  readonly dropsResponseFields: readonly string[]
  readonly fixedRequestLines: string
  readonly fixedResponseLines: string
  /** A policy may answer `VERDICT.pending`. */
  readonly mayPend: boolean
  readonly hasRequest: boolean
  readonly hasResponse: boolean
  readonly hasEnd: boolean
  /**
   * Runs the request side from the `from`-th hook on (0 at first; after a pending policy went on: `ranOf` of the result before). The result is a step:
   * see `verdictOf` and `ranOf`, and keep `ranOf` for `end`.
   */
  run(exchange: PolicyExchange, from: number): Step
  /** The kind of the policy that ran as the `ran`-th. */
  kindAt(ran: number): string
  /** When the head of an instance's answer is there, the last policy first: the first one has the last word. */
  response(exchange: PolicyExchange, head: ResponseHead, bytes: Uint8Array): void
  /** Once a request, however it ended. `ran` is `ranOf` of the last step; a policy that has not seen the request is not told of its end. */
  end(ran: number, status: number, durationMs: number): void
}

/** A verdict and how many request hooks have run, in one small integer: the exchange keeps no record of its own for them. */
export type Step = number

const RAN_SHIFT = 2

/** VERDICT of a step: of the policy that stopped the chain, or `go`. */
export function verdictOf(step: Step): number {
  return step & 3
}

/** How many request hooks have run up to this step. */
export function ranOf(step: Step): number {
  return step >> RAN_SHIFT
}

/** A kind of policy that this data plane does not know: control is newer. */
export class PolicyKindError extends Error {
  override readonly name = 'PolicyKindError'
  readonly code = 'ERR_GATEWAY_POLICY_UNKNOWN'
  readonly kind: string

  constructor(kind: string, source: string) {
    super(`this data plane knows no policy named ${kind} (${source}); restart Backplane`)
    this.kind = kind
  }
}

/** @throws PolicyKindError, and what a policy says of a specification that control should not have let through. */
export function compilePolicies(
  specs: readonly PolicySpec[],
  ground: PolicyGround,
): CompiledPolicies {
  for (const { kind, source } of specs) {
    if (!POLICY_ORDER.includes(kind)) throw new PolicyKindError(kind, source)
  }
  const ordered = inOrder(specs)
  return chainPolicies(
    ordered.map((spec) => entryOf(spec).compile(spec.spec, ground)),
    ordered.map(({ source }) => source),
    ordered.some((spec) => entryOf(spec).mayPend),
  )
}

/** By kind; what needs to know who calls stands behind `auth`. */
function inOrder(specs: readonly PolicySpec[]): readonly PolicySpec[] {
  const late = specs.filter((spec) => entryOf(spec).isLate?.(spec.spec) === true)
  return POLICY_ORDER.flatMap((kind) => {
    const own = specs.filter((spec) => spec.kind === kind && !late.includes(spec))
    return kind === 'auth' ? [...own, ...late] : own
  })
}

/** Kind and specification belong together by the type of PolicySpec, which an index does not carry over. */
function entryOf(spec: PolicySpec): PolicyEntry<PolicySpec['spec']> {
  return POLICIES[spec.kind] as PolicyEntry<PolicySpec['spec']>
}

/** A chain of policies in the given order. */
export function chainPolicies(
  list: readonly Policy[],
  sources: readonly string[],
  mayPend: boolean,
): CompiledPolicies {
  const requests = list.filter((policy) => policy.request !== undefined)
  const responses = list.filter((policy) => policy.response !== undefined).toReversed()
  const hasEnd = requests.some((policy) => policy.end !== undefined)
  return {
    list,
    sources,
    dropsRequestFields: merged(list, ({ dropsRequestFields }) => dropsRequestFields),
    dropsResponseFields: merged(list, ({ dropsResponseFields }) => dropsResponseFields),
    fixedRequestLines: list.map(({ fixedRequestLines = '' }) => fixedRequestLines).join(''),
    fixedResponseLines: list.map(({ fixedResponseLines = '' }) => fixedResponseLines).join(''),
    mayPend,
    hasRequest: requests.length > 0,
    hasResponse: responses.length > 0,
    hasEnd,
    run(exchange, from) {
      for (let at = from; at < requests.length; at++) {
        const policy = requests[at]!
        exchange.policy = policy.kind
        const verdict = policy.request!(exchange)
        if (verdict !== VERDICT.go) return ((at + 1) << RAN_SHIFT) | verdict
      }
      return requests.length << RAN_SHIFT
    },
    kindAt: (ran) => requests[ran - 1]?.kind ?? '',
    response(exchange, head, bytes) {
      for (const policy of responses) policy.response!(exchange, head, bytes)
    },
    end(ran, status, durationMs) {
      if (!hasEnd) return
      for (let at = 0; at < ran; at++) requests[at]!.end?.(status, durationMs)
    },
  }
}

function merged(
  list: readonly Policy[],
  namesOf: (policy: Policy) => readonly string[] | undefined,
): readonly string[] {
  return [...new Set(list.flatMap((policy) => namesOf(policy) ?? []))]
}
