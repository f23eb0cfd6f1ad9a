import type { CheckSpec } from '../model.ts'
import { runExecCheck } from './exec.ts'
import type { CheckAddress, CheckClock, Finding } from './finding.ts'
import { runHttpCheck } from './http.ts'
import type { CheckResult } from './scheduler.ts'
import { runTcpCheck } from './tcp.ts'

/** Runs an active check once. Rejects or resolves soon after the signal aborts. */
export async function runCheck(
  spec: CheckSpec,
  address: CheckAddress,
  signal: AbortSignal,
  clock: CheckClock,
): Promise<CheckResult> {
  const fromMs = clock.monotonicMs()
  const found = await runOnce(spec, address, signal, clock)
  return { ...found, durationMs: clock.monotonicMs() - fromMs }
}

function runOnce(
  spec: CheckSpec,
  address: CheckAddress,
  signal: AbortSignal,
  clock: CheckClock,
): Promise<Finding> {
  switch (spec.kind) {
    case 'http':
      return runHttpCheck(address, spec.path, signal, clock)
    case 'tcp':
      return runTcpCheck(address, signal)
    case 'exec':
      return runExecCheck(spec, address, signal, clock)
    case 'ttl':
    case 'reported':
      throw new TypeError(`a check of kind '${spec.kind}' is told, not run`)
  }
}
