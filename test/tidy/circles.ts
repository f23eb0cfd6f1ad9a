import type { ParsedFile } from './source.ts'

type Imports = ReadonlyMap<string, readonly string[]>

/**
 * No file leads back to itself over its imports, of values or of types: what two files share stands in a third one below both.
 * Of files that all lead to each other the shortest circle is told, with the number of those that hang together.
 */
export function findCircles(files: readonly ParsedFile[]): readonly string[] {
  const imports = importsOf(files)
  const waysBack = files
    .map(({ path }) => shortestWayBack(path, imports))
    .filter((circle) => circle !== undefined)
    .toSorted((one, other) => one.length - other.length || (one.join() < other.join() ? -1 : 1))
  const told = new Set<string>()
  return waysBack.flatMap((circle) => {
    const [first = ''] = circle
    if (told.has(first)) return []
    const together = waysBack.map(([path = '']) => path).filter((path) => isMutual(first, path))
    for (const path of together) told.add(path)
    return [
      `${[...circle, first].join(' > ')} is a circle of imports (${together.length} files hang together)`,
    ]
  })

  function isMutual(one: string, other: string): boolean {
    return reach(one, imports).has(other) && reach(other, imports).has(one)
  }
}

function importsOf(files: readonly ParsedFile[]): Imports {
  const known = new Set(files.map(({ path }) => path))
  return new Map(
    files.map(({ path, references }) => {
      const targets = references.filter(({ kind, target }) => kind !== 'start' && known.has(target))
      return [path, targets.map(({ target }) => target)]
    }),
  )
}

/** From `start` over as few files as possible to the one that imports it again; undefined where none does. */
function shortestWayBack(start: string, imports: Imports): readonly string[] | undefined {
  const cameFrom = reach(start, imports)
  const last = cameFrom.get(start)
  if (last === undefined) return undefined
  const way = [last]
  for (let at = last; at !== start; way.unshift(at)) at = cameFrom.get(at) ?? start
  return way
}

/** Every file that `start` leads to, and the file from which it is reached first. */
function reach(start: string, imports: Imports): ReadonlyMap<string, string> {
  const cameFrom = new Map<string, string>()
  const queue = [start]
  for (const path of queue) {
    for (const next of imports.get(path) ?? []) {
      if (cameFrom.has(next)) continue
      cameFrom.set(next, path)
      queue.push(next)
    }
  }
  return cameFrom
}
