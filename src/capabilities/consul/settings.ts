import { hostname } from 'node:os'
import { z } from 'zod'
import { formatHostPort, isLoopbackHost, type HostPort } from '../../platform/config/addresses.ts'
import { filled } from '../../platform/config/names.ts'
import type { SettingsPart } from '../../platform/config/part.ts'
import type { Resolved } from '../../platform/config/secrets.ts'
import type { SettingProblem } from '../../platform/config/problems.ts'
import { secret } from '../../platform/config/units.ts'

const consul = z
  .strictObject({
    datacenter: filled().default('dc1').describe('Name of the datacenter that clients see.'),
    node: filled()
      .optional()
      .describe('Name of the node of this machine that clients see; default: its host name.'),
    address: filled()
      .optional()
      .describe(
        'Address of this machine that clients see; default: that of the listener, 127.0.0.1 where it is every one.',
      ),
    scripts: z
      .boolean()
      .default(false)
      .describe('Clients may register checks that run programs on this machine.'),
    token: secret()
      .optional()
      .describe('A token that may do everything; demanded from beyond loopback, with acl: deny.'),
    acl: z
      .enum(['allow', 'deny'])
      .optional()
      .describe(
        'What requests may that no token allows; default: deny where there is a token, else allow.',
      ),
    hosts: z
      .array(filled())
      .default([])
      .describe('Further Host names under which the Consul API is reached.'),
  })
  .prefault({})
  .describe('The Consul API.')

/** The part of `backplane.yaml` that says how Consul clients come in. */
export const consulSettings = {
  sections: { consul },
  listeners: {
    consul: {
      protocol: 'http',
      port: 8500,
      about: 'Consul HTTP API',
      access: { token: ['consul', 'token'] },
      power: 'whoever reaches it may change what is routed',
      variables: (address) => ({ CONSUL_HTTP_ADDR: formatHostPort(address) }),
    },
  },
  restart: ['consul'],
  check: checkConsul,
} as const satisfies SettingsPart

/** The section as it is read, secrets as their text. */
export type ConsulSettings = Resolved<z.output<typeof consul>>

/** The section of a loaded file: the loader has replaced the secret by its text. */
export function consulConfig(section: z.output<typeof consul>): ConsulSettings {
  const { token } = section
  return { ...section, token: typeof token === 'string' ? token : undefined }
}

/** The name of this machine's node. */
export function nodeNameOf({ node }: Pick<ConsulSettings, 'node'>): string {
  return node ?? hostname()
}

/** The address of this machine that clients see, at a listener of this host. */
export function addressOf(
  { address }: Pick<ConsulSettings, 'address'>,
  listening = '127.0.0.1',
): string {
  if (address !== undefined) return address
  return ['0.0.0.0', '::', 'localhost'].includes(listening) ? '127.0.0.1' : listening
}

/** What the check looks at. */
interface ConsulChecked {
  readonly listen: { readonly consul?: HostPort | 'off' | undefined }
  readonly consul: z.output<typeof consul>
}

/** A token that nobody must have is no lock. */
function checkConsul({ listen, consul: { acl } }: ConsulChecked): readonly SettingProblem[] {
  const address = listen.consul
  if (acl !== 'allow' || address === undefined || address === 'off') return []
  if (isLoopbackHost(address.host)) return []
  const message = 'lets everybody in who can reach listen.consul; remove it, or listen on 127.0.0.1'
  return [{ path: ['consul', 'acl'], code: 'ERR_CONFIG_LISTENER_UNPROTECTED', message }]
}
