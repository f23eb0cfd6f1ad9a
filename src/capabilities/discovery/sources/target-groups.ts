import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseHostPort } from '../../../platform/config/addresses.ts'
import { getJson } from './http-get.ts'
import { SOURCE_LIMITS, SourceError, type Source, type Target } from './source.ts'

/** Target groups in a file, as Prometheus' `file_sd` has them: JSON or YAML. Read again every interval. */
export function createFileSource(
  { file, intervalMs }: { readonly file: string; readonly intervalMs: number },
  folder: string,
): Source {
  const path = resolve(folder, file)
  return {
    kind: 'file',
    place: file,
    async look() {
      return { targets: parseTargetGroups(await parseFile(path)), againMs: intervalMs }
    },
  }
}

/** Target groups of an HTTP server, as Prometheus' `http_sd` has them. */
export function createHttpSource({
  url,
  token,
  intervalMs,
}: {
  readonly url: string
  readonly token?: string | undefined
  readonly intervalMs: number
}): Source {
  const headers: Record<string, string> =
    token === undefined ? {} : { authorization: `Bearer ${token}` }
  return {
    kind: 'http',
    place: url,
    async look(_waitMs, signal) {
      const { value } = await getJson(new URL(url), headers, signal)
      return { targets: parseTargetGroups(value), againMs: intervalMs }
    },
  }
}

/** `[{ "targets": ["host:port"], "labels": { ... } }]`. Throws `SourceError`. */
export function parseTargetGroups(value: unknown): readonly Target[] {
  if (!Array.isArray(value)) throw new SourceError('is no list of target groups')
  const targets = new Map<string, Target>()
  for (const group of value as unknown[]) {
    const { targets: addresses, labels } = groupOf(group)
    for (const id of addresses) {
      const at = parseHostPort(id)
      if (at === undefined)
        throw new SourceError(`has the target ${JSON.stringify(id)}, not host:port`)
      targets.set(id, { id, ...at, meta: labels })
    }
  }
  return [...targets.values()]
}

function groupOf(group: unknown): {
  readonly targets: readonly string[]
  readonly labels: Readonly<Record<string, string>>
} {
  if (typeof group !== 'object' || group === null) throw new SourceError('has a group that is none')
  const targets: unknown = 'targets' in group ? group.targets : []
  const labels: unknown = 'labels' in group ? (group.labels ?? {}) : {}
  const isList = Array.isArray(targets) && targets.every((one) => typeof one === 'string')
  if (!isList) throw new SourceError('has a group whose targets are no list of texts')
  if (typeof labels !== 'object' || labels === null) {
    throw new SourceError('has a group whose labels are no object')
  }
  const texts = Object.entries(labels).map(([key, one]): [string, string] => [key, String(one)])
  return { targets: targets as string[], labels: Object.fromEntries(texts) }
}

async function parseFile(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8')
  if (text.length > SOURCE_LIMITS.answerBytesMax) {
    throw new SourceError(`is longer than ${SOURCE_LIMITS.answerBytesMax} (answerBytesMax)`)
  }
  try {
    if (path.endsWith('.json')) return JSON.parse(text)
    const { parse } = await import('yaml')
    return parse(text, { maxAliasCount: 100 })
  } catch (error) {
    throw new SourceError(`cannot be read: ${error instanceof Error ? error.message : ''}`)
  }
}
