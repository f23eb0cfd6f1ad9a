import { RulesError, type Level, type Rule } from './rule.ts'

/** Characters of one policy. */
export const RULES_LENGTH_MAX = 64 * 1024
/** Rules of one policy. */
export const RULES_MAX = 1_000

/** Resources with a name, and a rule for each name or prefix. */
const NAMED: ReadonlySet<string> = new Set([
  'agent',
  'event',
  'identity',
  'key',
  'node',
  'query',
  'service',
  'session',
])
/** Resources of which there is one. */
const SINGLE: ReadonlySet<string> = new Set(['acl', 'keyring', 'mesh', 'operator', 'peering'])
const LEVELS: ReadonlySet<string> = new Set<Level>(['deny', 'read', 'list', 'write'])

/** A value of HCL, as far as rules need it. */
type Value = string | { readonly [name: string]: unknown }

interface Block {
  readonly name: string
  readonly label: string | undefined
  readonly value: Value
}

/**
 * The rules of a policy in Consul's language: HCL (`key_prefix "app/" { policy = "write" }`), or the same as JSON. Throws `RulesError`.
 * https://developer.hashicorp.com/consul/docs/security/acl/acl-rules
 */
export function parseRules(text: string): readonly Rule[] {
  if (text.length > RULES_LENGTH_MAX) {
    throw new RulesError(`the rules are longer than ${RULES_LENGTH_MAX} characters`)
  }
  const blocks = text.trimStart().startsWith('{') ? readJson(text) : new HclReader(text).blocks()
  const rules = blocks.map(ruleOf)
  if (rules.length > RULES_MAX) throw new RulesError(`there are more than ${RULES_MAX} rules`)
  return rules
}

function ruleOf({ name, label, value }: Block): Rule {
  if (SINGLE.has(name)) {
    if (label !== undefined || typeof value !== 'string') {
      throw new RulesError(`${name} has one policy: ${name} = "read"`)
    }
    return { resource: name, match: 'single', name: '', level: levelOf(name, value) }
  }
  const isPrefix = name.endsWith('_prefix')
  const resource = isPrefix ? name.slice(0, -'_prefix'.length) : name
  if (!NAMED.has(resource)) throw new RulesError(`there is no resource ${JSON.stringify(name)}`)
  const policy =
    typeof value === 'string' ? undefined : new Map(Object.entries(value)).get('policy')
  if (label === undefined || typeof policy !== 'string') {
    throw new RulesError(`${name} needs a name and a policy: ${name} "x" { policy = "read" }`)
  }
  const match = isPrefix ? 'prefix' : 'exact'
  return { resource, match, name: label, level: levelOf(name, policy) }
}

function levelOf(name: string, policy: string): Level {
  const isList = policy === 'list' && !name.startsWith('key')
  if (!LEVELS.has(policy) || isList) {
    throw new RulesError(`${name} has no policy ${JSON.stringify(policy)}`)
  }
  return policy as Level
}

function readJson(text: string): readonly Block[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw new RulesError(error instanceof Error ? error.message : String(error))
  }
  return entriesOf(parsed).flatMap(([name, value]): readonly Block[] => {
    if (typeof value === 'string') return [{ name, label: undefined, value }]
    return listOf(value).flatMap((one) =>
      entriesOf(one).map(([label, body]) => {
        const [first] = listOf(body)
        return { name, label, value: Object.fromEntries(entriesOf(first)) }
      }),
    )
  })
}

/** HCL's JSON may wrap every object in a list. */
function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [value]
}

function entriesOf(value: unknown): readonly (readonly [string, unknown])[] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.entries(value)
  }
  throw new RulesError('the rules must be objects')
}

const SPACE = /(?:[\s,]|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y
const NAME = /[A-Za-z_][\w-]*/y
const TEXT = /"(?:[^"\\\n]|\\["\\nt])*"/y

/** Reads blocks, labels and assignments of texts: no expressions, no here-documents. */
class HclReader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  blocks(): readonly Block[] {
    const blocks: Block[] = []
    for (this.#take(SPACE); this.#at < this.#text.length; this.#take(SPACE)) {
      blocks.push(this.#block())
      if (blocks.length > RULES_MAX) throw new RulesError(`there are more than ${RULES_MAX} rules`)
    }
    return blocks
  }

  #block(): Block {
    const name = this.#name()
    if (this.#takes('=')) {
      this.#take(SPACE)
      return { name, label: undefined, value: this.#string() }
    }
    const label = this.#string()
    this.#takes('=')
    if (!this.#takes('{')) throw this.#wrong('"{"')
    const fields = new Map<string, string>()
    while (!this.#takes('}')) {
      const field = this.#name()
      if (!this.#takes('=')) throw this.#wrong('"="')
      this.#take(SPACE)
      fields.set(field, this.#string())
    }
    return { name, label, value: Object.fromEntries(fields) }
  }

  /** A name, also in quotes. */
  #name(): string {
    this.#take(SPACE)
    if (this.#text[this.#at] === '"') return this.#string()
    const name = this.#take(NAME)
    this.#take(SPACE)
    if (name === '') throw this.#wrong('a name')
    return name
  }

  #string(): string {
    const quoted = this.#take(TEXT)
    if (quoted === '') throw this.#wrong('a text in quotes')
    this.#take(SPACE)
    return JSON.parse(quoted) as string
  }

  #takes(sign: string): boolean {
    this.#take(SPACE)
    if (this.#text[this.#at] !== sign) return false
    this.#at++
    return true
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0] ?? ''
    this.#at += found.length
    return found
  }

  #wrong(wanted: string): RulesError {
    const line = this.#text.slice(0, this.#at).split('\n').length
    return new RulesError(`line ${line}: ${wanted} was expected`)
  }
}
