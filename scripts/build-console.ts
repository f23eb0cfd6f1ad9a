/**
 * Builds the console into dist/console when its sources changed since the last time; otherwise it costs a few
 * milliseconds. `npm start` and `npm test` call it first.
 */
import { createHash } from 'node:crypto'
import {
  existsSync,
  globSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const output = join(root, 'dist/console')
const stamp = join(output, '.sources')

if (!existsSync(join(root, 'web/index.html'))) {
  process.stdout.write('no console to build: web/index.html is not there\n')
} else {
  const hash = hashSources()
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== hash) await buildConsole(hash)
}

/** Everything that the result depends on: the sources, the types of the feed, and the versions of what is built in. */
function hashSources(): string {
  const files = globSync(
    ['web/**/*', 'docs/errors/*.md', 'src/contracts/*.ts', 'package-lock.json'],
    {
      cwd: root,
    },
  )
  const hash = createHash('sha256')
  for (const file of files.toSorted()) {
    const path = join(root, file)
    if (!statSync(path).isFile() || file.endsWith('.test.ts')) continue
    hash.update(`${file}\0`).update(readFileSync(path)).update('\0')
  }
  return hash.digest('hex')
}

/** Builds beside the old console and takes its place at the end, so that nobody is served half of one. */
async function buildConsole(hash: string): Promise<void> {
  const { build } = await import('vite')
  const staging = join(root, `dist/console.${process.pid}`)
  try {
    await build({
      root: join(root, 'web'),
      logLevel: 'warn',
      build: { outDir: staging, emptyOutDir: true },
    })
    writeFileSync(join(staging, '.sources'), hash)
    rmSync(output, { recursive: true, force: true })
    renameSync(staging, output)
  } finally {
    rmSync(staging, { recursive: true, force: true })
  }
  process.stdout.write('built the console into dist/console\n')
}
