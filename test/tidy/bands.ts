import type { ParsedFile } from './source.ts'

/** The part of the house that a file stands in: `mechanisms`, `capabilities/orders`, `top` for the entry points. */
export function areaOf(path: string): string {
  const [, band, name] = path.split('/')
  if (band === undefined || band.endsWith('.ts')) return 'top'
  return band === 'capabilities' ? `${band}/${name}` : band
}

/** What an area may run besides itself. A capability's types are free for everybody: they cost nothing at run time. */
const mayRun: Readonly<Record<string, readonly string[]>> = {
  mechanisms: [],
  contracts: ['mechanisms'],
  platform: ['contracts', 'mechanisms'],
  supervisor: ['contracts', 'mechanisms'],
  settings: ['platform', 'contracts', 'mechanisms'],
  dataplane: ['platform', 'contracts', 'mechanisms'],
  capabilities: ['platform', 'contracts', 'mechanisms'],
  cli: ['platform', 'contracts', 'mechanisms', 'supervisor', 'settings', 'top'],
}

/** Code runs only what its band may run (DESIGN section 3). */
export function findCrossings(files: readonly ParsedFile[]): readonly string[] {
  return files.flatMap((file) => {
    const from = areaOf(file.path)
    if (from === 'top' || from === 'compose') return []
    const allowed = mayRun[from.split('/')[0] ?? ''] ?? []
    return file.references
      .filter(({ kind, target }) => kind === 'value' && target.startsWith('src/'))
      .map(({ target }) => ({ target, to: areaOf(target) }))
      .filter(({ to }) => to !== from && !allowed.includes(to))
      .map(({ target }) => `${file.path} runs ${target}`)
  })
}

/** A mechanism does not even know the types of what stands above it. */
export function findUpwardTypes(files: readonly ParsedFile[]): readonly string[] {
  return files
    .filter((file) => areaOf(file.path) === 'mechanisms')
    .flatMap((file) =>
      file.references
        .filter(({ kind }) => kind !== 'start')
        .filter(({ target }) => target.startsWith('src/') && areaOf(target) !== 'mechanisms')
        .map(({ target }) => `${file.path} knows ${target}`),
    )
}

/** The supervisor is the process that must not fall: it runs no package. */
export function findSupervisorPackages(files: readonly ParsedFile[]): readonly string[] {
  return files
    .filter((file) => areaOf(file.path) === 'supervisor')
    .flatMap((file) =>
      file.references
        .filter(({ kind }) => kind === 'value')
        .filter(({ target }) => !target.startsWith('src/') && !target.startsWith('node:'))
        .map(({ target }) => `${file.path} runs the package ${target}`),
    )
}

/** Capabilities are started in one place, by plain calls in reading order; `settings.ts` puts their settings together. */
export function findOtherStarters(files: readonly ParsedFile[]): readonly string[] {
  return files
    .filter((file) => areaOf(file.path) === 'top')
    .flatMap((file) =>
      file.references
        .filter(({ kind, target }) => kind === 'value' && target.startsWith('src/capabilities/'))
        .filter(({ target }) => file.path !== 'src/settings.ts' || !target.endsWith('/settings.ts'))
        .map(({ target }) => `${file.path} runs ${target}, which only src/compose/ may`),
    )
}

/** What is slow to import, and the one file that knows how to do it better. */
const slowModules = new Map([['node:http', 'src/platform/http/node-http.ts']])

/** A start pays for each module that is loaded. What a file runs of these comes from the one that loads less of it. */
export function findSlowImports(files: readonly ParsedFile[]): readonly string[] {
  return files.flatMap((file) =>
    file.references
      .filter(({ kind }) => kind === 'value')
      .flatMap(({ target }) => {
        const better = slowModules.get(target)
        if (better === undefined || better === file.path) return []
        return [`${file.path} runs ${target}; take what you need from ${better}`]
      }),
  )
}

const impure =
  /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bperformance\.now\b|\bset(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b|\bprocess\.|\bcrypto\.|from 'node:/

/** A mechanism has no clock, no chance, no timer and no I/O: what it needs is given to it. */
export function findImpurities(files: readonly ParsedFile[]): readonly string[] {
  return files
    .filter((file) => areaOf(file.path) === 'mechanisms')
    .flatMap((file) => {
      const found = impure.exec(withoutComments(file.text))
      return found === null ? [] : [`${file.path} has ${found[0]}`]
    })
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
}
