/** The page of errors: read from its fragments, assembled, compared with the codes in the source. No I/O. */

/** One `## ERR_…` entry of a fragment. */
export interface ErrorEntry {
  readonly code: string
  readonly file: string
  readonly text: string
}

/** Codes that belong to Node.js itself and are only compared with, never thrown. */
const foreignCodes = [
  'ERR_HTTP_HEADERS_SENT',
  'ERR_INVALID_ARG_TYPE',
  'ERR_INVALID_ARG_VALUE',
  'ERR_INVALID_URL',
  'ERR_IPC_CHANNEL_CLOSED',
  'ERR_IPC_DISCONNECTED',
  'ERR_MODULE_NOT_FOUND',
  'ERR_PARSE_ARGS_INVALID_OPTION_VALUE',
  'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL',
  'ERR_PARSE_ARGS_UNKNOWN_OPTION',
  'ERR_SERVER_NOT_RUNNING',
  'ERR_SOCKET_CLOSED',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_STREAM_WRITE_AFTER_END',
  'ERR_WORKER_OUT_OF_MEMORY',
]
const entryCharsMin = 60

/** The codes that stand as whole literals, or as keys of a table, in a source text; each once. */
export function codesIn(text: string): readonly string[] {
  const literals = text.matchAll(/['"`](ERR_[A-Z0-9]+(?:_[A-Z0-9]+)+)['"`]/g)
  const keys = text.matchAll(/^\s*(ERR_[A-Z0-9]+(?:_[A-Z0-9]+)+):/gm)
  const codes = new Set([...literals, ...keys].map((match) => match[1] ?? ''))
  return [...codes].filter((code) => !foreignCodes.includes(code))
}

/** The entries of one fragment. What is wrong with it is pushed to `problems`. */
export function parseEntries(
  file: string,
  text: string,
  problems: string[],
): readonly ErrorEntry[] {
  const [, ...parts] = text.split(/^## /m)
  if (parts.length === 0) problems.push(`${file}: has no entry (## ERR_…)`)
  return parts.map((part) => {
    const [title = '', ...lines] = part.trimEnd().split('\n')
    const code = title.trim().replaceAll('`', '')
    if (!/^ERR_[A-Z0-9]+(_[A-Z0-9]+)+$/.test(code)) problems.push(`${file}: ${code} is no code`)
    const body = lines.join('\n').trim()
    if (body.length < entryCharsMin) {
      problems.push(`${file}: ${code} does not say what it means, why, and what to do`)
    }
    return { code, file, text: body }
  })
}

/** What stands on one side only, and what stands twice. `used` leads from a code to a file that has it. */
export function compareCodes(
  used: ReadonlyMap<string, string>,
  entries: readonly ErrorEntry[],
): readonly string[] {
  const problems: string[] = []
  const described = new Set<string>()
  for (const { code, file } of entries) {
    if (described.has(code)) problems.push(`${file}: ${code} has two entries`)
    described.add(code)
    if (!used.has(code)) problems.push(`${file}: ${code} stands nowhere in src`)
  }
  for (const [code, file] of used) {
    if (!described.has(code)) problems.push(`${file}: ${code} has no entry in docs/errors/`)
  }
  return problems
}

/** The whole page, sorted by code. */
export function assembleErrors(entries: readonly ErrorEntry[]): string {
  const sorted = entries.toSorted((one, other) => (one.code < other.code ? -1 : 1))
  const contents = sorted.map(({ code }) => `- [${code}](#${code.toLowerCase()})`)
  const texts = sorted.map(({ code, text }) => `## ${code}\n\n${text}\n`)
  return [
    '# Errors',
    '',
    'Each code that Backplane shows, in an answer, a log line or on the terminal: what it means, why it comes, what to do.',
    'Put together from `docs/errors/` by `node scripts/errors-docs.ts`; change the entries there.',
    '',
    ...contents,
    '',
    ...texts,
  ].join('\n')
}
