import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The built console: in the package beside the bundle, in a checkout below `dist`. */
export function consoleAssets(): string {
  const here = fileURLToPath(new URL('.', import.meta.url))
  return import.meta.url.endsWith('.ts')
    ? join(here, '..', '..', '..', 'dist', 'console')
    : join(here, 'console')
}
