import { createHash } from 'node:crypto'
import { execFile } from 'node:child_process'
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import type { Program } from './programs.ts'

/**
 * Clients that this project did not write. What they need is installed once into a folder below the system's temporary one, named for the
 * lock that pins it, and used by every run. Each function resolves with undefined, and has skipped the test with the reason, where
 * the language is missing on this machine; with CI=true a skipped test is a failure.
 */
const interop = resolve(import.meta.dirname, '..')
/** An installation from nothing, on a slow machine. */
const INSTALL_MS_MAX = 600_000

/** A program `test/interop/js/NAME.mjs`, or of another folder with a lock of its own; it takes its packages from `load` of its folder's `load.mjs`. */
export async function findJs(
  t: TestContext,
  name: string,
  inFolder = 'js',
): Promise<Program | undefined> {
  const folder = join(interop, inFolder)
  const lock = ['package.json', 'package-lock.json'].map((file) => join(folder, file))
  const clients = cacheOf(inFolder, lock)
  if (!existsSync(clients)) {
    const own = `${clients}.${process.pid}`
    mkdirSync(own, { recursive: true })
    for (const file of lock) cpSync(file, join(own, file.slice(folder.length)))
    const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund']
    const failure = await install('npm', args, own)
    if (failure === undefined) moveInto(own, clients)
    rmSync(own, { recursive: true, force: true })
    if (failure !== undefined) return skip(t, `the npm clients are missing: ${failure}`)
  }
  return {
    command: process.execPath,
    args: [join(folder, `${name}.mjs`)],
    env: { INTEROP_CLIENTS: clients },
  }
}

/** A program `test/interop/go/NAME/`, or of another module of its own; built once for each state of its sources. */
export async function findGo(
  t: TestContext,
  name: string,
  module = 'go',
): Promise<Program | undefined> {
  const sources = globSync(`${name}/**/*.go`, { cwd: join(interop, module) }).toSorted()
  const files = sources.map((file) => join(interop, module, file))
  return buildGo(t, name, `./${name}`, files, module)
}

/** A program of somebody else that the `go.mod` of the module pins as a tool, by the path of its package. */
export async function findGoTool(
  t: TestContext,
  path: string,
  module = 'go',
): Promise<Program | undefined> {
  return buildGo(t, path.split('/').at(-1) ?? path, path, [], module)
}

async function buildGo(
  t: TestContext,
  name: string,
  target: string,
  files: readonly string[],
  module: string,
): Promise<Program | undefined> {
  const folder = join(interop, module)
  const modules = cacheOf(
    module,
    ['go.mod', 'go.sum'].map((file) => join(folder, file)),
  )
  const binary = join(modules, 'bin', `${name}-${hashOf(files)}`)
  if (!existsSync(binary)) {
    mkdirSync(dirname(binary), { recursive: true })
    const own = `${binary}.${process.pid}`
    const env = {
      GOMODCACHE: join(modules, 'modules'),
      GOCACHE: join(modules, 'built'),
      GOFLAGS: '-modcacherw -buildvcs=false -mod=readonly',
      CGO_ENABLED: '0',
    }
    const failure = await install('go', ['build', '-o', own, target], folder, env)
    if (failure !== undefined) return skip(t, `the Go client ${name} is missing: ${failure}`)
    renameSync(own, binary)
  }
  return { command: binary, args: [], env: {} }
}

/** A program `test/interop/python/NAME.py`, on Debian's Python, which has these modules as packages. */
export async function findPython(
  t: TestContext,
  name: string,
  modules: readonly string[],
): Promise<Program | undefined> {
  const python = '/usr/bin/python3'
  const imports = modules.map((module) => `import ${module}`).join('\n')
  const failure = await install(python, ['-c', imports], interop)
  if (failure !== undefined) {
    return skip(t, `Debian's Python needs ${modules.join(', ')}: ${failure}`)
  }
  return { command: python, args: ['-B', join(interop, 'python', `${name}.py`)], env: {} }
}

/** A program `test/interop/python/NAME.py` with packages from PyPI, which `python/NAME.txt` pins with their hashes or versions. */
export async function findPythonFrom(t: TestContext, name: string): Promise<Program | undefined> {
  const lock = join(interop, 'python', `${name}.txt`)
  const packages = cacheOf('python', [lock])
  if (!existsSync(packages)) {
    const own = `${packages}.${process.pid}`
    const args = ['-m', 'pip', 'install', '--quiet', '--target', own, '--requirement', lock]
    const failure = await install('python3', args, interop)
    if (failure === undefined) moveInto(own, packages)
    rmSync(own, { recursive: true, force: true })
    if (failure !== undefined) return skip(t, `the Python client ${name} is missing: ${failure}`)
  }
  return {
    command: 'python3',
    args: ['-B', join(interop, 'python', `${name}.py`)],
    env: { PYTHONPATH: packages },
  }
}

/** The program of `test/interop/java/NAME/`, built once by Maven; afterwards nothing is fetched. */
export async function findJava(t: TestContext, name: string): Promise<Program | undefined> {
  const folder = join(interop, 'java', name)
  const sources = globSync('**/*.{xml,java,properties}', { cwd: folder }).toSorted()
  const built = cacheOf(
    `java-${name}`,
    sources.map((file) => join(folder, file)),
  )
  if (!existsSync(built)) {
    const own = `${built}.${process.pid}`
    cpSync(folder, own, { recursive: true })
    const failure = await install('mvn', ['-q', '-B', 'package', '-DskipTests'], own)
    if (failure === undefined) moveInto(own, built)
    rmSync(own, { recursive: true, force: true })
    if (failure !== undefined) return skip(t, `the Java client ${name} is missing: ${failure}`)
  }
  const args = ['-Xshare:auto', '-XX:TieredStopAtLevel=1', '-Xmx256m', '-jar']
  return { command: 'java', args: [...args, join(built, 'target/service.jar')], env: {} }
}

/** A program that Debian installs, by its path; `from` is the package that has it. */
export function findInstalled(t: TestContext, path: string, from: string): Program | undefined {
  if (!existsSync(path)) return skip(t, `${path} is missing: apt-get install ${from}`)
  return { command: path, args: [], env: {} }
}

function skip(t: TestContext, why: string): undefined {
  t.skip(why)
  return undefined
}

function cacheOf(language: string, lock: readonly string[]): string {
  return join(tmpdir(), `backplane-interop-${language}-${hashOf(lock)}`)
}

function hashOf(files: readonly string[]): string {
  const hash = createHash('sha256')
  for (const file of files) hash.update(readFileSync(file)).update('\0')
  return hash.digest('hex').slice(0, 12)
}

/** Another test may have been faster: what it has made is the same. */
function moveInto(own: string, folder: string): void {
  try {
    renameSync(own, folder)
  } catch (error) {
    if (!existsSync(folder)) throw error
  }
}

/** Undefined, or why it failed. */
async function install(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string | undefined> {
  const { NODE_TEST_CONTEXT: _outer, ...outer } = process.env
  try {
    await promisify(execFile)(command, args, {
      cwd,
      env: { ...outer, ...env },
      timeout: INSTALL_MS_MAX,
      maxBuffer: 64 * 1024 * 1024,
    })
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
