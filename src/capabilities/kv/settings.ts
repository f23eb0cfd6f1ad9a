import { z } from 'zod'
import type { SettingsPart } from '../../platform/config/part.ts'
import { size } from '../../platform/config/units.ts'

const kv = z
  .strictObject({
    size: size({ min: '1MiB', max: '4GiB' })
      .prefault('64MiB')
      .describe('Keys and values beyond this are refused; they are kept in memory, too.'),
    sessions: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(10_000)
      .describe('Sessions beyond this are refused.'),
  })
  .prefault({})
  .describe('Keys and locks.')

/** The part of `backplane.yaml` that bounds keys and sessions. */
export const kvSettings = {
  sections: { kv },
} as const satisfies SettingsPart

/** The section as it is read. */
export type KvSettings = z.output<typeof kv>
