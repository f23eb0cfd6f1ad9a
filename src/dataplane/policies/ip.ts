import type { IpSpec } from '../../contracts/policies.ts'
import { createCidrSet } from '../../mechanisms/cidr/cidr.ts'
import { type Policy, VERDICT } from './policy.ts'

/** Lets come, and keeps out, by the address of the client. Who is denied is denied, whoever is allowed. */
export function compileIp(spec: IpSpec): Policy {
  const allow = createCidrSet(spec.allow)
  const deny = createCidrSet(spec.deny)
  // A connection has one address: it is looked at once for all of its requests that come in a row.
  let address = ''
  let why = ''

  function judge(given: string): string {
    if (deny.contains(given)) return `${given} is among those that are denied (ip.deny)`
    if (allow.size === 0 || allow.contains(given)) return ''
    return `${given} is not among those that are allowed (ip.allow)`
  }

  return {
    kind: 'ip',
    request(exchange) {
      if (exchange.address !== address) {
        ;({ address } = exchange)
        why = judge(address)
      }
      if (why === '') return VERDICT.go
      const told = 'this address may not call the route'
      exchange.answer = { code: 'ERR_GATEWAY_ADDRESS_REFUSED', detail: why, told }
      exchange.note(why)
      return VERDICT.answer
    },
  }
}
