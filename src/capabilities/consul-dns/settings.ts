import { isIP } from 'node:net'
import { z } from 'zod'
import { parseHostPort, type HostPort } from '../../platform/config/addresses.ts'
import { filled } from '../../platform/config/names.ts'
import type { SettingsPart } from '../../platform/config/part.ts'
import type { SettingProblem } from '../../platform/config/problems.ts'
import { duration, rate, size } from '../../platform/config/units.ts'

const DNS_PORT = 53

const ttl = () => duration({ min: '0s', max: '1d' })

const dns = z
  .strictObject({
    domain: filled()
      .default('consul')
      .describe('Names end in it: web.service.consul. Case does not matter.'),
    ttl: ttl()
      .prefault('0s')
      .describe('For how long clients may remember an answer about a service.'),
    ttlOf: z
      .record(filled(), ttl())
      .default({})
      .describe('The same for services by name, where it differs.'),
    nodeTtl: ttl()
      .prefault('0s')
      .describe('For how long clients may remember the address of a node.'),
    negativeTtl: ttl()
      .prefault('0s')
      .describe('For how long clients may remember that a name does not exist.'),
    linger: duration({ min: '0s', max: '1m' })
      .prefault('2s')
      .describe(
        'How long an instance that leaves in order (scale-in, restart) still takes requests after the last answer that named it, beside the ttl: as often as clients ask. Within stop.drain.',
      ),
    recursors: z
      .array(filled())
      .max(8)
      .default([])
      .describe(
        'Resolvers, ip or ip:port, that are asked for all other names, in this order. Without any, other names do not exist.',
      ),
    recursorTimeout: duration({ min: '50ms', max: '30s' })
      .prefault('2s')
      .describe('How long each resolver has; then the next one is asked.'),
    udpBytes: size({ min: '512B', max: '64KiB' })
      .prefault('8KiB')
      .describe('The longest answer over UDP, whatever a client says it takes.'),
    rate: rate({ max: 1_000_000 })
      .prefault('1000/s')
      .describe(
        'Answers over UDP to each address block (/24, /56) beyond this machine; what is more is answered "ask over TCP" or dropped. 0/s: no limit.',
      ),
  })
  .prefault({})
  .describe('Names of services over DNS, as Consul gives them.')

/** The part of `backplane.yaml` that says how names are answered. */
export const consulDnsSettings = {
  sections: { dns },
  listeners: {
    'consul-dns': {
      protocol: 'udp+tcp',
      port: 8600,
      about: 'Consul DNS',
      access: 'addresses',
    },
  },
  check: checkDns,
} as const satisfies SettingsPart

/** What the check looks at. */
interface DnsChecked {
  readonly dns: Pick<z.output<typeof dns>, 'domain' | 'recursors'>
}

function checkDns({ dns: { domain, recursors } }: DnsChecked): readonly SettingProblem[] {
  const code = 'ERR_CONFIG_VALUE_INVALID'
  const problems: SettingProblem[] = []
  if (
    !/^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?){0,7}\.?$/i.test(
      domain,
    )
  ) {
    const message = `must be a domain such as consul or internal.example.com; is ${domain}`
    problems.push({ path: ['dns', 'domain'], code, message })
  }
  for (const [index, text] of recursors.entries()) {
    if (parseRecursor(text) !== undefined) continue
    const message = `must be an IP address, with a port where it is not 53, such as 10.0.0.2 or "[fd00::2]:5353"; is ${text}`
    problems.push({ path: ['dns', 'recursors', index], code, message })
  }
  return problems
}

/** A resolver that the file names. Undefined where it is no address. */
export function parseRecursor(text: string): HostPort | undefined {
  if (isIP(text) !== 0) return { host: text, port: DNS_PORT }
  const parsed = parseHostPort(text)
  return parsed !== undefined && isIP(parsed.host) !== 0 ? parsed : undefined
}

/** The section as it is read. */
export type DnsSettings = z.output<typeof dns>

/** What names are made of. */
export interface ConsulDnsConfig extends DnsSettings {
  readonly datacenter: string
  /** Name of this machine as Consul clients see it. */
  readonly node: string
  /** Its address. */
  readonly address: string
}
