import { z } from 'zod'
import { urlOf } from '../../platform/config/addresses.ts'
import { filled } from '../../platform/config/names.ts'
import type { SettingsPart } from '../../platform/config/part.ts'
import { duration, secret } from '../../platform/config/units.ts'

const eureka = z
  .strictObject({
    token: secret()
      .optional()
      .describe(
        'Password of HTTP Basic (any user) or Bearer token of Eureka clients; demanded from beyond loopback.',
      ),
    hosts: z
      .array(filled())
      .default([])
      .describe('Further Host names under which clients reach it.'),
    lease: duration({ min: '1s', max: '24h' })
      .prefault('90s')
      .describe('Lease of an instance that says none.'),
    preserve: duration({ min: '0s', max: '24h' })
      .prefault('15m')
      .describe(
        'How long instances are kept beyond their lease where a whole network fell silent at once: it is cut, they may be well. 0s: never.',
      ),
  })
  .prefault({})
  .describe('Eureka clients.')

/** The part of `backplane.yaml` that says how Eureka clients come in. */
export const eurekaSettings = {
  sections: { eureka },
  listeners: {
    eureka: {
      protocol: 'http',
      port: 8761,
      about: 'Eureka',
      access: { token: ['eureka', 'token'] },
      power: 'whoever reaches it may change where requests go',
      // Spring takes the first one only where the application names the key, too; the second one always, but a shell between may drop it.
      variables: (address) => ({
        EUREKA_CLIENT_SERVICEURL_DEFAULTZONE: `${urlOf(address)}/eureka/`,
        'eureka.client.serviceUrl.defaultZone': `${urlOf(address)}/eureka/`,
      }),
    },
  },
  restart: ['eureka'],
} as const satisfies SettingsPart
