import type { Instance } from '../model.ts'
import type { CheckSpec } from '../model.ts'
import { runExecCheck } from './exec.ts'
import { runHttpCheck } from './http.ts'
import type { CheckResult } from './scheduler.ts'
import { runTcpCheck } from './tcp.ts'

/** A place to check. */
export type CheckAddress = Pick<Instance, 'host' | 'port'>

/** Runs an active check once. Rejects or resolves soon after the signal aborts. */
export async function runCheck(
  spec: CheckSpec,
  address: CheckAddress,
  signal: AbortSignal,
  monotonicMs: () => number,
): Promise<CheckResult> {
  const fromMs = monotonicMs()
  const found = await runOnce(spec, address, signal)
  return { ...found, durationMs: monotonicMs() - fromMs }
}

/** What a check finds, without the time. */
export type Finding = Pick<CheckResult, 'status' | 'output'>

function runOnce(spec: CheckSpec, address: CheckAddress, signal: AbortSignal): Promise<Finding> {
  switch (spec.kind) {
    case 'http':
      return runHttpCheck(address, spec.path, signal)
    case 'tcp':
      return runTcpCheck(address, signal)
    case 'exec':
      return runExecCheck(spec, address, signal)
    case 'ttl':
    case 'reported':
      throw new TypeError(`a check of kind '${spec.kind}' is told, not run`)
  }
}
