/** One message, as RFC 5424 or RFC 3164 has it. */
export interface SyslogMessage {
  /** 0 to 7. */
  readonly severity: number
  readonly facility: number
  /** As it stands there; '' where it is not said. RFC 3164 has neither year nor zone. */
  readonly timestamp: string
  readonly host: string
  readonly app: string
  readonly process: string
  readonly messageId: string
  /** RFC 5424: id, name, value. */
  readonly data: readonly (readonly [id: string, name: string, value: string])[]
  readonly text: string
}

/** Structured data of one message. */
const DATA_MAX = 256

const HEADER = /^(\d{1,3}) (\S{1,64}) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) ?/
const LEGACY =
  /^((?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S{5,32}) (\S{1,255}) /
const TAG = /^([^\s[\]:]{1,64})(?:\[([^\]\s]{1,64})\])?: ?/

/** Reads a message of either kind. What is none is text of the priority that RFC 3164 gives it (section 4.3.3): nothing is lost. */
export function parseSyslog(message: string): SyslogMessage {
  const priority = /^<(\d{1,3})>/.exec(message)
  const number = Number(priority?.[1] ?? '13')
  const [severity, facility] = number > 191 ? [5, 1] : [number % 8, Math.floor(number / 8)]
  const rest = message.slice(priority?.[0].length ?? 0)
  const header = priority === null ? null : HEADER.exec(rest)
  if (header !== null) return parseModern(severity, facility, header, rest)
  return parseLegacy(severity, facility, rest)
}

function parseModern(
  severity: number,
  facility: number,
  header: RegExpExecArray,
  rest: string,
): SyslogMessage {
  const [, , timestamp = '', host = '', app = '', process = '', messageId = ''] =
    header.map(orNothing)
  const { data, end } = parseData(rest, header[0].length)
  // The byte order mark says that the text is UTF-8.
  const text = rest
    .slice(end)
    .replace(/^ /, '')
    .replace(/^(?:\uFEFF|ï»¿)/, '')
  return { severity, facility, timestamp, host, app, process, messageId, data, text }
}

function orNothing(text: string): string {
  return text === '-' ? '' : text
}

function parseData(text: string, start: number): { data: SyslogMessage['data']; end: number } {
  if (text[start] === '-') return { data: [], end: start + 1 }
  const data: [string, string, string][] = []
  let at = start
  while (text[at] === '[') {
    const id = /^\[([^\s=\]"]{1,64})/.exec(text.slice(at, at + 80))
    if (id === null) break
    let next = at + id[0].length
    for (;;) {
      const pair = /^ ([^\s=\]"]{1,64})="((?:[^"\\\]]|\\.)*)"/.exec(text.slice(next))
      if (pair === null) break
      if (data.length < DATA_MAX)
        data.push([id[1]!, pair[1]!, pair[2]!.replaceAll(/\\(["\\\]])/g, '$1')])
      next += pair[0].length
    }
    if (text[next] !== ']') break
    at = next + 1
  }
  return { data, end: at }
}

function parseLegacy(severity: number, facility: number, rest: string): SyslogMessage {
  const header = LEGACY.exec(rest)
  const [, timestamp = '', host = ''] = header ?? []
  const content = rest.slice(header?.[0].length ?? 0)
  const tag = TAG.exec(content)
  return {
    severity,
    facility,
    timestamp,
    host,
    app: tag?.[1] ?? '',
    process: tag?.[2] ?? '',
    messageId: '',
    data: [],
    text: content.slice(tag?.[0].length ?? 0),
  }
}
