import type { LogRecord, SpanRecord } from '../../../contracts/signals.ts'
import { AttributeText } from '../../../mechanisms/log-line/attribute-text.ts'
import { clampMicros } from '../../../mechanisms/log-line/moments.ts'
import { traceIdsIn } from '../../../mechanisms/log-line/trace-ids.ts'
import { isSecretName, isSuspect, REDACTED, redactText } from '../../../mechanisms/redact/redact.ts'

/** Characters of a body; a longer one is cut, and told by an attribute. */
export const BODY_LENGTH_MAX = 256 * 1024
const NAME_LENGTH_MAX = 256

/** A rule of the file: what fits is replaced. */
export interface RedactRule {
  replace(text: string): string
}

/** What is done with every record, whichever way it came. */
export interface CleanRules {
  /** Secrets, tokens and card numbers are taken out. */
  readonly redacts: boolean
  readonly rules: readonly RedactRule[]
}

/** A record that may be stored: bounded, without secrets, and with the trace that its text names. */
export function cleanLog(record: LogRecord, rules: CleanRules): LogRecord {
  const { body } = record
  const isLong = body.length > BODY_LENGTH_MAX
  const bounded = isLong ? `${body.slice(0, BODY_LENGTH_MAX)}…` : body
  const clean = cleanText(bounded, rules)
  const ids = record.trace === '' ? traceIdsIn(clean) : undefined
  const attributes = cleanAttributes(record.attributes, rules)
  return {
    time: clampMicros(record.time, record.observed),
    observed: record.observed,
    severity: record.severity,
    service: nameOf(record.service),
    instance: nameOf(record.instance),
    source: record.source,
    trace: ids?.trace ?? record.trace,
    span: ids === undefined ? record.span : ids.span,
    body: clean,
    attributes: isLong ? withNumber(attributes, 'backplane.body.length', body.length) : attributes,
  }
}

/** The same of a span. */
export function cleanSpan(record: SpanRecord, rules: CleanRules): SpanRecord {
  return {
    ...record,
    time: clampMicros(record.time, record.observed),
    duration: Number.isSafeInteger(record.duration) && record.duration >= 0 ? record.duration : 0,
    service: nameOf(record.service),
    instance: nameOf(record.instance),
    name: cleanText(record.name.slice(0, BODY_LENGTH_MAX), rules),
    message: cleanText(record.message.slice(0, BODY_LENGTH_MAX), rules),
    events: isRisky(record.events, rules) ? redactJson(record.events, rules) : record.events,
    attributes: cleanAttributes(record.attributes, rules),
  }
}

function nameOf(name: string): string {
  const bounded = name.length > NAME_LENGTH_MAX ? name.slice(0, NAME_LENGTH_MAX) : name
  return bounded.isWellFormed() ? bounded : bounded.toWellFormed()
}

function cleanText(text: string, { redacts, rules }: CleanRules): string {
  let clean = text.isWellFormed() ? text : text.toWellFormed()
  for (const rule of rules) clean = rule.replace(clean)
  return redacts ? redactText(clean) : clean
}

function isRisky(json: string, { redacts, rules }: CleanRules): boolean {
  return json.length > 2 && (rules.length > 0 || (redacts && isSuspect(json)))
}

/** Most attributes have nothing that could be secret: they stay the text that they are. */
function cleanAttributes(attributes: string, rules: CleanRules): string {
  if (!isRisky(attributes, rules)) return attributes
  const clean = new AttributeText()
  for (const [name, value] of Object.entries(JSON.parse(attributes) as object)) {
    clean.addValue(
      name,
      rules.redacts && isSecretName(name) ? REDACTED : redactValue(value, rules),
      1,
    )
  }
  return clean.finish()
}

function redactJson(json: string, rules: CleanRules): string {
  return JSON.stringify(redactValue(JSON.parse(json), rules))
}

function redactValue(value: unknown, rules: CleanRules): unknown {
  if (typeof value === 'string') return cleanText(value, rules)
  if (typeof value === 'number') {
    const text = String(value)
    const clean = cleanText(text, rules)
    return clean === text ? value : clean
  }
  if (Array.isArray(value)) return value.map((one) => redactValue(one, rules))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      rules.redacts && isSecretName(name) ? REDACTED : redactValue(inner, rules),
    ]),
  )
}

function withNumber(attributes: string, name: string, value: number): string {
  const first = attributes === '{}' ? '{' : `${attributes.slice(0, -1)},`
  return `${first}${JSON.stringify(name)}:${value}}`
}
