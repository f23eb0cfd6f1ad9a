/**
 * Makes what is published: dist/*.js, each process and thread an entry of its own, every package bundled in, and the
 * console in dist/console. Flat, because an entry is found by its name beside the file that starts it.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { rolldown } from 'rolldown'

const root = resolve(import.meta.dirname, '..')
const output = join(root, 'dist')

execFileSync(process.execPath, [join(root, 'scripts/build-console.ts')], { stdio: 'inherit' })
mkdirSync(output, { recursive: true })
for (const old of globSync('*.js', { cwd: output })) rmSync(join(output, old))
const files = await bundle(findEntries())
writeFileSync(join(output, 'third-party.txt'), noticesOf(files))

/** The command and our two processes are found by these names; see `entry` in src/cli/up.ts. */
function findEntries(): Readonly<Record<string, string>> {
  const entries: Record<string, string> = {}
  const threads = globSync('src/**/*.ts', { cwd: root })
    .filter((file) => !/\.test\.ts$|\/testdata\/|\/testing\//.test(file))
    .flatMap((file) => threadsOf(file, readFileSync(join(root, file), 'utf8')))
    .map(({ target }) => target)
  const main = [
    'src/main.ts',
    'src/control.ts',
    'src/dataplane/data.ts',
    'src/telemetry.ts',
    'src/identity.ts',
    'src/events.ts',
  ]
  for (const file of new Set([...main, ...threads])) {
    const name = main.includes(file) ? basename(file, '.ts') : threadName(file)
    if (entries[name] !== undefined) {
      throw new Error(`${file} and ${entries[name]} would both become dist/${name}.js: rename one`)
    }
    entries[name] = file
  }
  return entries
}

/** `src/platform/storage/thread.ts` becomes `storage-thread`: most of them are called thread. */
function threadName(file: string): string {
  return `${basename(dirname(file))}-${basename(file, '.ts')}`
}

/** Files that `file` starts by their name, `new URL('./thread.ts', import.meta.url)`: whatever is not an import. */
function threadsOf(file: string, text: string) {
  return [...text.matchAll(/(?<!\bfrom |\bimport |\bimport\()'(\.{1,2}\/[\w./-]+)\.[jt]s'/g)]
    .map((match) => ({ literal: match[0], target: join(dirname(file), `${match[1]}.ts`) }))
    .filter(({ target }) => existsSync(join(root, target)))
}

/** In dist everything lies in one folder, whatever folder the source that starts a thread lies in. */
function renameThreads(code: string, path: string): string | undefined {
  const file = relative(root, path)
  if (!file.startsWith('src/')) return undefined
  let renamed = code
  for (const { literal, target } of threadsOf(file, code)) {
    renamed = renamed.replaceAll(literal, `'./${threadName(target)}.js'`)
  }
  return renamed
}

/** Returns the paths of all files that went in. Not minified: a stack trace must be readable. */
async function bundle(input: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const build = await rolldown({
    cwd: root,
    input: { ...input },
    platform: 'node',
    // Native code: it stays a package, which the engine of logs loads when it is there.
    external: ['@duckdb/node-api'],
    plugins: [{ name: 'threads', transform: renameThreads }],
    onLog(level, log, report) {
      // fastify asks for optional packages inside try/catch; Node answers that as it always did.
      if (log.code === 'UNRESOLVED_IMPORT' || log.code === 'EVAL') return
      report(level, log)
    },
  })
  const { output: chunks } = await build.write({
    dir: output,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'shared-[name]-[hash].js',
    comments: { legal: true, annotation: false, jsdoc: false },
  })
  await build.close()
  const code = chunks.filter((chunk) => chunk.type === 'chunk')
  const bytes = code.reduce((sum, chunk) => sum + chunk.code.length, 0)
  const names = Object.keys(input).join(', ')
  process.stdout.write(
    `built dist: ${names} (${Math.round(bytes / 1024)} KiB in ${code.length} files)\n`,
  )
  return code.flatMap((chunk) => chunk.moduleIds)
}

/** The licences of what was bundled: most of them ask to come along. */
function noticesOf(paths: readonly string[]): string {
  const folders = paths.flatMap(
    (path) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? [],
  )
  return [...new Set(folders)]
    .toSorted()
    .map((folder) => {
      const { name, version, license } = JSON.parse(
        readFileSync(join(folder, 'package.json'), 'utf8'),
      ) as Record<string, string>
      const file = globSync('{LICENSE,LICENCE,license}*', { cwd: folder })[0]
      const text = file === undefined ? '' : readFileSync(join(folder, file), 'utf8').trim()
      return `${name} ${version} (${license})\n\n${text}\n`
    })
    .join(`\n${'-'.repeat(80)}\n\n`)
}
