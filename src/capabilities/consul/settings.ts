import { hostname } from 'node:os'
import { z } from 'zod'
import { formatHostPort } from '../../platform/config/addresses.ts'
import { filled } from '../../platform/config/names.ts'
import type { SettingsPart } from '../../platform/config/part.ts'
import { secret } from '../../platform/config/units.ts'

const consul = z
  .strictObject({
    datacenter: filled().default('dc1').describe('Name of the datacenter that clients see.'),
    node: filled()
      .optional()
      .describe('Name of the node of this machine that clients see; default: its host name.'),
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
} as const satisfies SettingsPart

/** The section as it is read. */
export type ConsulSettings = z.output<typeof consul>

/** The name of this machine's node. */
export function nodeNameOf({ node }: ConsulSettings): string {
  return node ?? hostname()
}
