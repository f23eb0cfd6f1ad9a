import type { RewriteSpec } from '../../contracts/policies.ts'
import { formatLine } from '../../mechanisms/http1/answer.ts'
import { claimAt, formatClaim } from '../../mechanisms/jwt/grants.ts'
import {
  encodeForField,
  encodeForPath,
  encodeForQuery,
  formatRequestTemplate,
  parseRequestTemplate,
  type TemplateRequest,
  withoutParameters,
} from '../../mechanisms/request-template/request-template.ts'
import { normalizePath } from '../../mechanisms/routing/normalize-path.ts'
import { type Policy, type PolicyExchange, VERDICT } from './policy.ts'

/** Changes path, query and headers of what goes to the service, with pieces of the request and of who calls. */
export function compileRewrite(spec: RewriteSpec): Policy {
  const parse = (text: string) => parseRequestTemplate(text, spec.pattern)
  const path = spec.path === '' ? undefined : parse(spec.path)
  const parameters = spec.query.set.map(
    ([name, text]) => [encodeForQuery(name), parse(text)] as const,
  )
  const replaced = new Set([...spec.query.set.map(([name]) => name), ...spec.query.remove])
  const headers = spec.headers.map(([name, text]) => [name, parse(text)] as const)
  const view = new TemplateView()
  const changesTarget = path !== undefined || replaced.size > 0

  function queryOf(query: string): string {
    let next = withoutParameters(query, replaced)
    for (const [name, template] of parameters) {
      const value = formatRequestTemplate(template, view, encodeForQuery)
      next += `${next === '' ? '?' : '&'}${name}=${value}`
    }
    return next
  }

  return {
    kind: 'rewrite',
    dropsRequestFields: spec.headers.map(([name]) => name),
    request(exchange) {
      view.exchange = exchange
      for (const [name, template] of headers) {
        const value = formatRequestTemplate(template, view, encodeForField)
        if (value !== '') exchange.requestLines += formatLine(name, value)
      }
      if (!changesTarget) return VERDICT.go
      const made = path === undefined ? undefined : formatRequestTemplate(path, view, encodeForPath)
      // What was put together must be read in one way only, as what came.
      const next = made === undefined ? undefined : normalizePath(made)
      if (next === null) {
        const detail = `rewrite: ${made} can be read in two ways`
        exchange.answer = { code: 'ERR_GATEWAY_PATH_AMBIGUOUS', detail }
        exchange.note(detail)
        return VERDICT.answer
      }
      exchange.rewrittenPath = next ?? ''
      exchange.rewrittenQuery = queryOf(exchange.query)
      exchange.note(`rewrite: to ${next ?? exchange.path}${exchange.rewrittenQuery}`)
      return VERDICT.go
    },
  }
}

/** A request as templates see it. One a policy: it is valid during a call. */
class TemplateView implements TemplateRequest {
  exchange!: PolicyExchange

  get hostname(): string {
    return this.exchange.hostname
  }

  get path(): string {
    return this.exchange.path
  }

  get query(): string {
    return this.exchange.query
  }

  get address(): string {
    return this.exchange.address
  }

  get scheme(): string {
    return this.exchange.scheme
  }

  get method(): string {
    return this.exchange.method
  }

  get subject(): string {
    return this.exchange.identity?.subject ?? ''
  }

  header(lowerName: string): string | undefined {
    return this.exchange.header(lowerName)
  }

  claim(path: string): string {
    const { identity } = this.exchange
    return identity === null ? '' : formatClaim(claimAt(identity.claims, path))
  }
}
