import { formatLine } from '../../mechanisms/http1/answer.ts'
import { explainBreaker } from '../../mechanisms/breaker/explain.ts'
import type { LocalReply } from '../policies/policy.ts'
import type { Instance } from '../upstream/instance.ts'
import type { Service } from '../upstream/service.ts'

/** The breaker of the service is open. */
export function refuseByService(
  { name, breaker }: Pick<Service<unknown>, 'name' | 'breaker'>,
  nowMs: number,
): LocalReply {
  const view = breaker?.view()
  const sentence = view === undefined ? 'open' : explainBreaker(view, nowMs)
  return openReply(`the breaker of ${name} is ${sentence}`, (view?.openUntilMs ?? 0) - nowMs)
}

/** No instance is left for a request that has tried `tried`: there is none, or the breakers of those that are left are open. */
export function refuseByInstances(
  service: Pick<Service<unknown>, 'name' | 'balancer'>,
  tried: readonly Instance[],
  subset: string | null,
  nowMs: number,
): LocalReply {
  const { candidates } = service.balancer
  if (
    subset !== null &&
    candidates.length > 0 &&
    !candidates.some((one) => one.subset === subset)
  ) {
    return {
      code: 'ERR_GATEWAY_NO_INSTANCE',
      detail: `the service ${service.name} has ${candidates.length} routable instances, and none of them is of the subset ${subset.slice(0, 80)}: balance.subset`,
    }
  }
  const left = candidates.filter(
    (one) => !tried.includes(one) && (subset === null || one.subset === subset),
  )
  if (left.length === 0) {
    return {
      code: 'ERR_GATEWAY_NO_INSTANCE',
      detail: `the service ${service.name} has no routable instance: see backplane status`,
    }
  }
  const views = left.flatMap(({ id, breaker }) =>
    breaker === null ? [] : [{ id, view: breaker.view() }],
  )
  const [first] = views.toSorted((a, b) => a.view.openUntilMs - b.view.openUntilMs)
  const sentence =
    first === undefined ? '' : `; the next is ${first.id}: ${explainBreaker(first.view, nowMs)}`
  const untilMs = first?.view.openUntilMs ?? 0
  const all = `the breakers of all ${left.length} instances of ${service.name} are open`
  return openReply(`${all}${sentence}`, untilMs - nowMs)
}

/** RFC 9110 section 10.2.3: whole seconds, and none where nobody knows. */
function openReply(detail: string, leftMs: number): LocalReply {
  const code = 'ERR_GATEWAY_BREAKER_OPEN'
  if (leftMs <= 0) return { code, detail }
  return { code, detail, lines: formatLine('retry-after', String(Math.ceil(leftMs / 1000))) }
}
