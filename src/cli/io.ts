import type { Writable } from 'node:stream'

/** What a command may touch. */
export interface Io {
  readonly stdout: Writable
  readonly stderr: Writable
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
}
