import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Why tests with Prometheus' own programs are skipped; false where they are there. */
export const withoutPrometheus: string | false =
  spawnSync('promtool', ['--version']).status === 0 &&
  spawnSync('prometheus', ['--version']).status === 0
    ? false
    : 'promtool and prometheus are not installed (npm run peers)'

/** Runs promtool to its end. Throws with what it says where it fails. */
export async function promtool(...args: readonly string[]): Promise<string> {
  const { stdout } = await run('promtool', args, { maxBuffer: 256 * 1024 * 1024 })
  return stdout
}
