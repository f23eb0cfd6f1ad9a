import type { Matcher, MatcherKind } from '../promql/queryable.ts'

/** A matcher is not written as Alertmanager wants it. */
export class MatcherTextError extends Error {
  readonly code = 'ERR_ALERTS_MATCHER'

  constructor(text: string) {
    super(`${JSON.stringify(text)} is no matcher such as severity="page" or service=~"shop|web"`)
    this.name = 'MatcherTextError'
  }
}

const PATTERN = /^\s*([^\s=!~"{},]+)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^"\s{},]*))\s*$/

/** One matcher as Alertmanager writes it: `severity=page`, `service=~"shop|web"`. Throws `MatcherTextError`. */
export function parseMatcherText(text: string): Matcher {
  const match = PATTERN.exec(text)
  if (match === null) throw new MatcherTextError(text)
  const [, name = '', kind = '=', quoted, plain = ''] = match
  const value = quoted === undefined ? plain : quoted.replaceAll(/\\(.)/g, unescaped)
  return { name, kind: kind as MatcherKind, value }
}

/** The text that `parseMatcherText` reads back. */
export function formatMatcher({ name, kind, value }: Matcher): string {
  const escaped = value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
  return `${name}${kind}"${escaped}"`
}

function unescaped(_all: string, mark: string): string {
  return mark === 'n' ? '\n' : mark
}
