import { spawnSync } from 'node:child_process'

/** Why tests with Prometheus' own programs are skipped; false where they are there. */
export const withoutPrometheus: string | false =
  spawnSync('promtool', ['--version']).status === 0 &&
  spawnSync('prometheus', ['--version']).status === 0
    ? false
    : 'promtool and prometheus are not installed (npm run peers)'

/** Runs promtool to its end. Throws with what it says where it fails. */
export function promtool(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('promtool', args, {
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  })
  if (status !== 0) throw new Error(`promtool ${args.join(' ')} ended with ${status}: ${stderr}`)
  return stdout
}
