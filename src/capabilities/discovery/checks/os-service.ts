import type { OsServiceCheckSpec } from '../check-spec.ts'
import { runExecCheck } from './exec.ts'
import type { CheckAddress, CheckClock, Finding } from './finding.ts'

/** Asks systemd: only `active` is passing. */
export async function runOsServiceCheck(
  { unit }: Pick<OsServiceCheckSpec, 'unit'>,
  address: CheckAddress,
  signal: AbortSignal,
  clock: CheckClock,
): Promise<Finding> {
  const argv = ['systemctl', 'is-active', '--', unit]
  const { status, output } = await runExecCheck({ argv }, address, signal, clock)
  return { status: status === 'passing' ? 'passing' : 'critical', output: `${unit}: ${output}` }
}
