import type { RedirectSpec } from '../../contracts/policies.ts'
import { formatLine } from '../../mechanisms/http1/answer.ts'
import { formatRedirect, parseRedirectTarget } from '../../mechanisms/redirect/redirect.ts'
import { type Policy, VERDICT } from './policy.ts'

/** Sends the client somewhere else. */
export function compileRedirect({ to, path, status }: RedirectSpec): Policy {
  const parts = parseRedirectTarget(to, path)
  const needsHost = parts.some(({ kind }) => kind === 'host')
  return {
    kind: 'redirect',
    request(exchange) {
      if (needsHost && exchange.hostname === '') {
        const detail = `the redirect to ${to} needs the host of the request, and it has none`
        exchange.answer = { code: 'ERR_GATEWAY_REDIRECT_HOST', detail }
        exchange.note(detail)
        return VERDICT.answer
      }
      const location = formatRedirect(parts, exchange)
      const detail = `redirect: ${status} to ${location}`
      exchange.answer = {
        code: '',
        detail,
        lines: formatLine('location', location),
        plain: { status, contentType: 'text/plain; charset=utf-8', body: `${location}\n` },
      }
      exchange.note(detail)
      return VERDICT.answer
    },
  }
}
