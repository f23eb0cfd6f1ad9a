import { z } from 'zod'
import { urlOf } from '../../platform/config/addresses.ts'
import { filled } from '../../platform/config/names.ts'
import type { SettingsPart } from '../../platform/config/part.ts'
import { secret } from '../../platform/config/units.ts'

const admin = z
  .strictObject({
    token: secret()
      .optional()
      .describe('Bearer token of the admin API; demanded from beyond loopback.'),
    hosts: z
      .array(filled())
      .default([])
      .describe('Further Host names under which the console is reached.'),
  })
  .prefault({})
  .describe('Console and admin API.')

/** The part of `backplane.yaml` that says how operators come in. */
export const consoleSettings = {
  sections: { admin },
  listeners: {
    console: {
      protocol: 'http',
      port: 4000,
      about: 'Console and admin API',
      kind: 'console',
      access: { token: ['admin', 'token'] },
      power: 'whoever reaches it may start programs here',
      variables: (address) => ({ BACKPLANE_URL: urlOf(address) }),
    },
  },
  restart: ['admin'],
} as const satisfies SettingsPart
