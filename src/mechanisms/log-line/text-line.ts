import { severityOfName, SEVERITY } from '../log-query/severity.ts'
import type { AttributeText } from './attribute-text.ts'
import { readDocument, type LineFields } from './document.ts'
import { parseLogfmt } from './logfmt.ts'
import { microsOfText } from './moments.ts'
import { traceIdsIn } from './trace-ids.ts'

/** A longer line is not looked into for its form. */
const LOOKED_AT_MAX = 64 * 1024

const COMBINED =
  /^(\S{1,255}) (\S{1,255}) (\S{1,255}) \[(\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "([A-Z]{1,32}) (\S{1,8192}) (HTTP\/[\d.]{1,3})" (\d{3}) (\d{1,19}|-)(?: "([^"]{0,4096})" "([^"]{0,4096})")?$/
const TIMED =
  /^\[?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)\]?[\s:|-]{1,4}/
const LEVELED =
  /^[[<(]?(trace|debug|info|notice|warn|warning|error|err|critical|fatal|panic)[\])>]?(?=[\s:|\]-]|$)/i
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** Which form a line turned out to have. */
export type LineForm = 'json' | 'logfmt' | 'combined' | 'text' | 'broken-json'

/**
 * Reads a line as programs print it: JSON, logfmt, the access log of web servers (common and combined), or text with a time and a level in front. What
 * cannot be read is text, as it came. A JSON line that does not hold is text too, and told.
 */
export function readLine(line: string, fields: LineFields, attributes: AttributeText): LineForm {
  const form = line.length > LOOKED_AT_MAX ? 'text' : readForm(line, fields, attributes)
  if (form === 'text' || form === 'broken-json') readText(line, fields)
  if (fields.trace === '') {
    const ids = traceIdsIn(fields.body)
    if (ids !== undefined) {
      fields.trace = ids.trace
      fields.span = ids.span
    }
  }
  return form
}

function readForm(line: string, fields: LineFields, attributes: AttributeText): LineForm {
  const first = line.charCodeAt(0)
  if (first === 0x7b) return readJson(line, fields, attributes)
  const pairs = parseLogfmt(line)
  if (pairs !== undefined) {
    readDocument(
      Object.fromEntries(pairs.filter(([name]) => name !== '__proto__')),
      fields,
      attributes,
    )
    if (fields.body === '') fields.body = line
    return 'logfmt'
  }
  return readCombined(line, fields, attributes) ? 'combined' : 'text'
}

function readJson(line: string, fields: LineFields, attributes: AttributeText): LineForm {
  let parsed: unknown
  try {
    parsed = JSON.parse(line)
  } catch {
    return 'broken-json'
  }
  readDocument(parsed as object, fields, attributes)
  // A document without a message is its own.
  if (fields.body === '') fields.body = line
  return 'json'
}

function readCombined(line: string, fields: LineFields, attributes: AttributeText): boolean {
  const found = COMBINED.exec(line)
  if (found === null) return false
  const [, client = '', , user = '', at = '', method = '', path = '', protocol = ''] = found
  const [status = '', bytes = '-', referrer = '', agent = ''] = found.slice(8)
  fields.body = line
  fields.time = microsOfClf(at)
  fields.severity =
    status >= '500' ? SEVERITY.error : status >= '400' ? SEVERITY.warn : SEVERITY.info
  attributes.addText('client.address', client)
  if (user !== '-') attributes.addText('user.name', user)
  attributes.addText('http.request.method', method)
  attributes.addText('url.path', path)
  attributes.addText('network.protocol', protocol)
  attributes.addPlain('http.response.status_code', Number(status))
  if (bytes !== '-') attributes.addPlain('http.response.size', Number(bytes))
  if (referrer !== '' && referrer !== '-') attributes.addText('http.request.referrer', referrer)
  if (agent !== '' && agent !== '-') attributes.addText('user_agent.original', agent)
  return true
}

/** `29/Nov/2026:19:41:45 +0000`. */
function microsOfClf(text: string): number {
  const [, day, month = '', year, time, zone] =
    /^(\d\d)\/(\w{3})\/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d{4})$/.exec(text) ?? []
  const number = String(MONTHS.indexOf(month) + 1).padStart(2, '0')
  return microsOfText(`${year}-${number}-${day}T${time}${zone}`) ?? 0
}

/** The text stays whole: only what stands in front of it is understood. */
function readText(line: string, fields: LineFields): void {
  fields.body = line
  const timed = TIMED.exec(line)
  if (timed !== null) fields.time = microsOfText(timed[1]!) ?? 0
  const rest = line.slice(timed?.[0].length ?? 0)
  const leveled = LEVELED.exec(rest)
  if (leveled !== null) fields.severity = severityOfName(leveled[1]!)
}

/** Whether a line goes on with the one before: frames of stack traces of JavaScript, Java, Python, Go, .NET, Ruby. */
export function continuesLine(line: string): boolean {
  return /^(?:\s+(?:at |\.{3} |File "|~|\^|from |in |raise |\S.*\^)|\s{2,}\S|\t\S|Caused by: |Suppressed: |\} catch|\s*\.\.\. \d+ more|goroutine \d+ \[)/.test(
    line,
  )
}
