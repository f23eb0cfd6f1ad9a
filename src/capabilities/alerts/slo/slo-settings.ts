import { z } from 'zod'
import { LATENCY_BOUNDS_MS } from '../../../contracts/snapshot.ts'
import { duration, share } from '../../../platform/config/units.ts'
import type { SettingProblem } from '../../../platform/config/problems.ts'

/** The smallest objective: below it, no burn rate could be reached. */
const OBJECTIVE_MIN = 0.9

const BOUNDS_MS: readonly number[] = LATENCY_BOUNDS_MS

/** What a service promises. */
export function sloShape() {
  return z
    .strictObject({
      objective: share().describe('Share of good requests, such as 99.9%; from 90% on.'),
      window: duration({ min: '1d', max: '90d' })
        .prefault('30d')
        .describe('The promise holds over so long; so much of its series is kept.'),
      errors: z
        .boolean()
        .default(true)
        .describe('A request that is answered with 5xx is not a good one.'),
      latency: duration({ min: '1ms', max: '1m' })
        .optional()
        .describe(
          'A request that takes longer is not a good one; one of the bounds of its histogram.',
        ),
    })
    .optional()
    .describe(
      'A service level objective: makes alerts on how fast its error budget is used up, and a page in the console.',
    )
}

/** The settings of a service's objective. */
export type SloSaid = NonNullable<z.output<ReturnType<typeof sloShape>>>

/** What no schema can judge. */
export function checkSlos(
  services: Readonly<Record<string, { readonly slo?: SloSaid | undefined }>>,
): readonly SettingProblem[] {
  return Object.entries(services).flatMap(([name, { slo }]) => {
    if (slo === undefined) return []
    const problem = (key: string, message: string): SettingProblem => ({
      path: ['services', name, 'slo', key],
      code: 'ERR_CONFIG_VALUE_INVALID',
      message,
    })
    const { objective, latency, errors } = slo
    return [
      ...(objective >= OBJECTIVE_MIN && objective < 1
        ? []
        : [problem('objective', 'must be from 90% on and below 100%')]),
      ...(latency === undefined || BOUNDS_MS.includes(latency)
        ? []
        : [
            problem(
              'latency',
              `must be one of the bounds that are counted: ${LATENCY_BOUNDS_MS.join(', ')} ms`,
            ),
          ]),
      ...(errors || latency !== undefined
        ? []
        : [problem('errors', 'is false, and there is no latency: nothing is promised')]),
    ]
  })
}
