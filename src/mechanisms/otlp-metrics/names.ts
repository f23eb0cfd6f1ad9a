import type { Attributes } from './model.ts'

/** Units of OpenTelemetry (UCUM) as Prometheus spells them. */
const UNITS: ReadonlyMap<string, string> = new Map([
  ['d', 'days'],
  ['h', 'hours'],
  ['min', 'minutes'],
  ['s', 'seconds'],
  ['ms', 'milliseconds'],
  ['us', 'microseconds'],
  ['ns', 'nanoseconds'],
  ['By', 'bytes'],
  ['KiBy', 'kibibytes'],
  ['MiBy', 'mebibytes'],
  ['GiBy', 'gibibytes'],
  ['TiBy', 'tibibytes'],
  ['KBy', 'kilobytes'],
  ['MBy', 'megabytes'],
  ['GBy', 'gigabytes'],
  ['TBy', 'terabytes'],
  ['m', 'meters'],
  ['V', 'volts'],
  ['A', 'amperes'],
  ['J', 'joules'],
  ['W', 'watts'],
  ['g', 'grams'],
  ['Cel', 'celsius'],
  ['Hz', 'hertz'],
  ['%', 'percent'],
])
const PER: ReadonlyMap<string, string> = new Map([
  ['s', 'second'],
  ['m', 'minute'],
  ['min', 'minute'],
  ['h', 'hour'],
  ['d', 'day'],
  ['w', 'week'],
  ['mo', 'month'],
  ['y', 'year'],
])

/** What the name depends on. */
export interface Named {
  readonly name: string
  readonly unit: string
  readonly kind: 'gauge' | 'counter' | 'other'
}

/**
 * The metric's name in Prometheus: plain letters, with its unit, and `_total` behind a counter (Prometheus' OTLP receiver, strategy
 * `UnderscoreEscapingWithSuffixes`).
 */
export function metricNameOf({ name, unit, kind }: Named): string {
  const parts = name.split(/[^a-zA-Z0-9:]+/).filter((part) => part !== '')
  const [main = '', per = ''] = unit.split('/', 2)
  const word = unitWord(main, UNITS)
  if (word !== '' && !parts.includes(word)) parts.push(word)
  const perWord = unitWord(per, PER)
  if (perWord !== '' && !parts.includes(perWord)) {
    if (!parts.includes('per')) parts.push('per')
    parts.push(perWord)
  }
  if (kind === 'counter')
    return atStart(`${parts.filter((part) => part !== 'total').join('_')}_total`)
  if (unit === '1' && kind === 'gauge') {
    return atStart(`${parts.filter((part) => part !== 'ratio').join('_')}_ratio`)
  }
  return atStart(parts.join('_'))
}

/** Labels of attributes: names of plain letters, and the values of those that become one name put together. */
export function labelPairsOf(attributes: Attributes): Map<string, string> {
  const labels = new Map<string, string>()
  const sorted = attributes.toSorted(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0))
  for (const [attribute, value] of sorted) {
    const name = labelNameOf(attribute)
    const known = labels.get(name)
    labels.set(name, known === undefined ? value : `${known};${value}`)
  }
  return labels
}

/** `http.method` is `http_method`; a digit at its start gets `key_` before it. */
export function labelNameOf(attribute: string): string {
  const plain = attribute.replaceAll(/[^a-zA-Z0-9_]/g, '_')
  if (/^\d/.test(plain)) return `key_${plain}`
  return plain.startsWith('_') && !plain.startsWith('__') ? `key${plain}` : plain
}

function unitWord(unit: string, known: ReadonlyMap<string, string>): string {
  const plain = unit.trim()
  if (plain === '' || plain === '1' || /[{}]/.test(plain)) return ''
  return (
    known.get(plain) ??
    plain
      .split(/[^a-zA-Z0-9]+/)
      .filter((part) => part !== '')
      .join('_')
  )
}

function atStart(name: string): string {
  return /^\d/.test(name) ? `_${name}` : name
}
