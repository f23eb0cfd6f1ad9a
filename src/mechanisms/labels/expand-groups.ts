import type { RE2JS } from 're2js'

/** What an expression has found. */
export type FoundMatch = ReturnType<RE2JS['matcher']>

/** `$1`, `${1}`, `${name}` and `$$` of a template, as Go's `Regexp.Expand`. A group that the expression does not have is empty. */
export function expandGroups(match: FoundMatch, template: string): string {
  return template.replaceAll(
    /\$(?:\$|\{(\w+)\}|(\w+))/g,
    (found, braced: string | undefined, plain: string | undefined) => {
      if (found === '$$') return '$'
      return groupOf(match, braced ?? plain ?? '')
    },
  )
}

/** Every match in a text replaced by an expanded template, as Go's `Regexp.ReplaceAllString`. */
export function replaceMatches(pattern: RE2JS, text: string, template: string): string {
  const match = pattern.matcher(text)
  let replaced = ''
  let at = 0
  while (match.find()) {
    replaced += text.slice(at, match.start()) + expandGroups(match, template)
    at = match.end()
  }
  return replaced + text.slice(at)
}

function groupOf(match: FoundMatch, name: string): string {
  try {
    return match.group(/^\d+$/.test(name) ? Number(name) : name) ?? ''
  } catch {
    return ''
  }
}
