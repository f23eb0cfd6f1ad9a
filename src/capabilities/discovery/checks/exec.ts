import { spawn, type ChildProcess } from 'node:child_process'
import type { ExecCheckSpec } from '../check-spec.ts'
import type { CheckAddress, CheckClock, Finding } from './finding.ts'

/** Bytes of output that are read and kept; what comes after is thrown away. */
export const CHECK_EXEC_OUTPUT_BYTES_MAX = 4 * 1024

/**
 * Runs a program without a shell: exit 0 is passing, 1 is warning, all else critical. It gets HOST and PORT of the instance.
 * On abort its whole process group is killed, so that no grandchild stays behind.
 */
export function runExecCheck(
  spec: Pick<ExecCheckSpec, 'argv' | 'cwd' | 'env'>,
  { host, port }: CheckAddress,
  signal: AbortSignal,
  clock: CheckClock,
): Promise<Finding> {
  const [program = '', ...args] = spec.argv
  const child = spawn(program, args, {
    cwd: spec.cwd,
    env: { ...(spec.env ?? { PATH: process.env['PATH'] }), HOST: host, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own.
    detached: true,
  })
  const { promise, resolve, reject } = Promise.withResolvers<Finding>()
  const output = collectOutput(child)
  const abort = () => killGroup(child)
  signal.addEventListener('abort', abort, { once: true })
  child.on('error', (error) => {
    signal.removeEventListener('abort', abort)
    resolve({ status: 'critical', output: `${program} did not start: ${error.message}` })
  })
  // `exit` and not `close`: a grandchild that keeps the pipe open must not keep the check open.
  child.on('exit', (code, killedBy) => {
    signal.removeEventListener('abort', abort)
    killGroup(child)
    // One turn later, what was in the pipe at the end has been read.
    clock.nextTurn(() => {
      child.stdout?.destroy()
      child.stderr?.destroy()
      if (signal.aborted) reject(new Error('aborted'))
      resolve({ status: statusOf(code), output: output() || endOf(code, killedBy) })
    })
  })
  return promise
}

function statusOf(code: number | null): Finding['status'] {
  if (code === 0) return 'passing'
  return code === 1 ? 'warning' : 'critical'
}

function endOf(code: number | null, killedBy: string | null): string {
  return code === null ? `killed by ${killedBy ?? 'a signal'}` : `exit code ${code}`
}

function collectOutput(child: ChildProcess): () => string {
  const chunks: Buffer[] = []
  let bytes = 0
  const take = (chunk: Buffer) => {
    if (bytes < CHECK_EXEC_OUTPUT_BYTES_MAX) chunks.push(chunk)
    bytes += chunk.length
  }
  child.stdout?.on('data', take)
  child.stderr?.on('data', take)
  return () =>
    Buffer.concat(chunks).subarray(0, CHECK_EXEC_OUTPUT_BYTES_MAX).toString('utf8').trim()
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // The group has ended by itself.
  }
}
