import type { Level, Rule } from './rule.ts'

/** Where two policies say something of the same: Consul's order. */
const PRECEDENCE: readonly Level[] = ['read', 'list', 'write', 'deny']

/** The rules of all policies of a token, ready for decisions. */
export interface Decisions {
  /** Undefined: no rule says anything. */
  levelOf(resource: string, name: string): Level | undefined
  /** Whether everything that begins so, whatever it is called, may be written; undefined: no rule says anything. */
  mayWriteBelow(resource: string, prefix: string): boolean | undefined
}

interface OfResource {
  readonly exact: Map<string, Level>
  readonly prefix: Map<string, Level>
  /** The longest prefix of a rule, so that a long name costs no more. */
  longest: number
}

/** The exact rule wins, then the longest prefix; between policies deny wins over write, write over list, list over read. */
export function createDecisions(rules: Iterable<Rule>): Decisions {
  const resources = new Map<string, OfResource>()
  for (const { resource, match, name, level } of rules) {
    const of = resources.get(resource) ?? { exact: new Map(), prefix: new Map(), longest: 0 }
    resources.set(resource, of)
    const levels = match === 'prefix' ? of.prefix : of.exact
    levels.set(name, stronger(levels.get(name), level))
    if (match === 'prefix') of.longest = Math.max(of.longest, name.length)
  }
  return {
    levelOf(resource, name) {
      const of = resources.get(resource)
      return of?.exact.get(name) ?? (of === undefined ? undefined : byPrefix(of, name))
    },
    mayWriteBelow(resource, prefix) {
      const of = resources.get(resource)
      if (of === undefined) return undefined
      const below = [...of.exact, ...of.prefix].filter(([name]) => name.startsWith(prefix))
      if (below.some(([, level]) => level !== 'write')) return false
      const level = byPrefix(of, prefix)
      return level === undefined ? undefined : level === 'write'
    },
  }
}

function byPrefix({ prefix, longest }: OfResource, name: string): Level | undefined {
  for (let length = Math.min(longest, name.length); length >= 0; length--) {
    const level = prefix.get(name.slice(0, length))
    if (level !== undefined) return level
  }
  return undefined
}

function stronger(one: Level | undefined, other: Level): Level {
  return one === undefined || PRECEDENCE.indexOf(one) < PRECEDENCE.indexOf(other) ? other : one
}
