import { parseHostPort } from '../../../platform/config/addresses.ts'
import type { CheckSpec } from '../check-spec.ts'
import { runDockerCheck } from './docker.ts'
import { runExecCheck } from './exec.ts'
import type { CheckAddress, CheckClock, Finding } from './finding.ts'
import { runGrpcCheck } from './grpc.ts'
import { runH2PingCheck } from './h2ping.ts'
import { runHttpCheck } from './http.ts'
import { runOsServiceCheck } from './os-service.ts'
import type { CheckResult } from './scheduler.ts'
import { runTcpCheck } from './tcp.ts'
import { runUdpCheck } from './udp.ts'
import { runUrlCheck } from './url.ts'

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
      return spec.url === undefined
        ? runHttpCheck(address, spec, signal, clock)
        : runUrlCheck(spec, signal)
    case 'tcp':
      return runTcpCheck(placeOf(spec, address), spec.tls, signal)
    case 'grpc':
      return runGrpcCheck(placeOf(spec, address), spec, signal)
    case 'udp':
      return runUdpCheck(placeOf(spec, address), spec, signal, clock)
    case 'h2ping':
      return runH2PingCheck(placeOf(spec, address), spec.tls, signal)
    case 'os-service':
      return runOsServiceCheck(spec, address, signal, clock)
    case 'docker':
      return runDockerCheck(spec, signal)
    case 'exec':
      return runExecCheck(spec, address, signal, clock)
    case 'ttl':
    case 'reported':
    case 'alias':
      throw new TypeError(`a check of kind '${spec.kind}' is told, not run`)
  }
}

function placeOf(spec: { readonly address?: string }, own: CheckAddress): CheckAddress {
  if (spec.address === undefined) return own
  const parsed = parseHostPort(spec.address)
  if (parsed === undefined) throw new TypeError(`'${spec.address}' is not host:port`)
  return parsed
}
