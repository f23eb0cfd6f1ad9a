import type { Labels } from '../../../mechanisms/labels/labels.ts'

/** `name{a="b"}`, for people. */
export function textOf(labels: Labels): string {
  const pairs = labels.names.flatMap((name, at) =>
    name === '__name__' ? [] : [`${name}=${JSON.stringify(labels.values[at])}`],
  )
  return `${labels.get('__name__')}{${pairs.join(', ')}}`
}
