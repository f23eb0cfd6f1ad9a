import { z } from 'zod'
import { filled } from '../../platform/config/names.ts'
import type { SettingsPart } from '../../platform/config/part.ts'
import { duration, secret, size } from '../../platform/config/units.ts'
import { listenerRow } from './listener.ts'

const events = z
  .strictObject({
    engine: z
      .enum(['sqlite'])
      .default('sqlite')
      .describe('Where events are stored: in the data folder.'),
    token: secret()
      .optional()
      .describe(
        'Bearer token, or password of HTTP Basic with any user; demanded from beyond loopback.',
      ),
    hosts: z
      .array(filled())
      .default([])
      .describe('Further Host names under which events are reached.'),
    limits: z
      .strictObject({
        event: size({ min: '1KiB', max: '16MiB' })
          .prefault('1MiB')
          .describe('Data and metadata of one event; larger ones are refused.'),
        append: size({ min: '1KiB', max: '64MiB' })
          .prefault('16MiB')
          .describe('All events of one append; larger ones are refused.'),
      })
      .prefault({})
      .describe('How large things may be.'),
    scavenge: duration({ min: '1s', max: '30d' })
      .prefault('1h')
      .describe('So often what $maxAge, $maxCount, $tb and deletions have set free is removed.'),
  })
  .optional()
  .describe('The event store; without this section there is none.')

/** The section as it is read. */
export type EventsSettings = z.output<typeof events>

/** The part of `backplane.yaml` that says how events are kept. */
export const eventsSettings = {
  sections: { events },
  listeners: { kurrentdb: listenerRow },
  restart: ['events.engine', 'events.token', 'events.hosts'],
} as const satisfies SettingsPart
