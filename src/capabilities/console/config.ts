import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Settings } from '../../settings.ts'
import type { ConsoleConfig } from './console.ts'

/** What the console takes from the file; `folder` is the file's. */
export function consoleConfig(
  { admin, name }: Settings,
  folder: string,
  version: string,
): ConsoleConfig {
  return {
    hosts: admin.hosts,
    token: typeof admin.token === 'string' ? admin.token : undefined,
    system: name ?? basename(folder),
    version,
    assets: consoleAssets(),
  }
}

/** The built console: in the package beside the bundle, in a checkout below `dist`. */
function consoleAssets(): string {
  const here = fileURLToPath(new URL('.', import.meta.url))
  return import.meta.url.endsWith('.ts')
    ? join(here, '..', '..', '..', 'dist', 'console')
    : join(here, 'console')
}
