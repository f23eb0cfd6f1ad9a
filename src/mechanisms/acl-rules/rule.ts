/** Rules that cannot be read. */
export class RulesError extends Error {
  override readonly name = 'RulesError'
}

/** What a rule lets. `list` is `read`, and reading a whole prefix where that is asked for apart. */
export type Level = 'deny' | 'read' | 'list' | 'write'

/** What one rule says. */
export interface Rule {
  readonly resource: string
  /** `single`: there is one of this resource, without a name. */
  readonly match: 'exact' | 'prefix' | 'single'
  readonly name: string
  readonly level: Level
}
