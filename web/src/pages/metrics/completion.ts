const SHOWN_MAX = 8
const WORD = /[a-zA-Z_:][\w:]*$/

const FUNCTIONS = [
  'avg',
  'avg_over_time',
  'changes',
  'clamp_max',
  'clamp_min',
  'count',
  'count_over_time',
  'delta',
  'deriv',
  'histogram_quantile',
  'increase',
  'irate',
  'label_replace',
  'max',
  'max_over_time',
  'min',
  'min_over_time',
  'predict_linear',
  'quantile',
  'quantile_over_time',
  'rate',
  'resets',
  'round',
  'sort',
  'sort_desc',
  'stddev',
  'sum',
  'sum_over_time',
  'time',
  'timestamp',
  'topk',
  'vector',
] as const

/** What the word before the cursor may become: metrics and functions, those that begin with it first. */
export function completionsOf(
  text: string,
  cursor: number,
  names: readonly string[],
): readonly string[] {
  const word = WORD.exec(text.slice(0, cursor))?.[0] ?? ''
  if (word.length < 2) return []
  const all = [...FUNCTIONS, ...names]
  const begins = all.filter((name) => name.startsWith(word) && name !== word)
  const has = all.filter((name) => !name.startsWith(word) && name.includes(word))
  return [...begins, ...has].slice(0, SHOWN_MAX)
}

/** The text with the word before the cursor replaced, and where the cursor is then. */
export function insertCompletion(
  text: string,
  cursor: number,
  name: string,
): { readonly text: string; readonly cursor: number } {
  const before = text.slice(0, cursor).replace(WORD, '')
  return { text: before + name + text.slice(cursor), cursor: before.length + name.length }
}
