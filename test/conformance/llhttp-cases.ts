import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'

/** Node's own parser's test cases in Markdown: an input block, and the events that its strict mode reports. */

/** One message in the events. */
export interface LlhttpMessage {
  /** Where it begins in the input. */
  readonly start: number
  method: string
  target: string
  status: number
  readonly fields: [name: string, value: string][]
  body: string
  /** Position of the line end behind the start line, -1 if the line was not read. */
  lineEnd: number
  isComplete: boolean
  hasHead: boolean
  isNameOpen: boolean
}

export interface LlhttpCase {
  /** "request/uri.md: title of the section > title of the case", with a number where that is not unique. */
  readonly id: string
  readonly kind: 'request' | 'response'
  readonly input: string
  readonly messages: readonly LlhttpMessage[]
  /** Its reason for refusing, '' if it refused nothing. */
  readonly error: string
  /** It stopped for the caller to take the rest of the bytes as another protocol. */
  readonly isTunnel: boolean
}

/** The folder beside this project that holds the vectors; a clone without it has none. */
export const LLHTTP_FOLDER = join(import.meta.dirname, '../../../shared/data/llhttp')

/** True if the vectors are here. */
export function hasLlhttpCases(): boolean {
  return existsSync(LLHTTP_FOLDER)
}

/** All strict cases: those of lenient modes say nothing about what a strict parser does. */
export function readLlhttpCases(): LlhttpCase[] {
  const cases = (['request', 'response'] as const).flatMap((kind) => {
    const folder = join(LLHTTP_FOLDER, kind)
    const files = readdirSync(folder)
      .filter((name) => name.endsWith('.md'))
      .toSorted()
    return files.flatMap((name) => readFile(kind, join(folder, name)))
  })
  const counts = new Map<string, number>()
  return cases.map((one) => {
    const count = (counts.get(one.id) ?? 0) + 1
    counts.set(one.id, count)
    return count === 1 ? one : { ...one, id: `${one.id} (${count})` }
  })
}

const BLOCKS =
  /^(#+) (.+)$|<!-- meta=(\{.*?\}) -->\n```http\n([^]*?)\n?```\n(?:(?!```|<!--|#)[^])*```log\n([^]*?)```/gm

function readFile(kind: 'request' | 'response', path: string): LlhttpCase[] {
  const titles: string[] = []
  const cases: LlhttpCase[] = []
  for (const [, marks, title, meta, input, log] of readFileSync(path, 'utf8').matchAll(BLOCKS)) {
    if (marks !== undefined) {
      titles.length = Math.min(titles.length, marks.length - 1)
      titles[marks.length - 1] = title!
      continue
    }
    const { type, skipBody } = JSON.parse(meta!) as { type: string; skipBody?: boolean }
    if ((type !== kind && type !== `${kind}-finish`) || skipBody === true) continue
    const id = `${kind}/${basename(path)}: ${titles.filter((one) => one !== undefined).join(' > ')}`
    cases.push({ id, kind, ...readEvents(log!, bytesOf(input!)) })
  }
  return cases
}

/** The escapes of the Markdown files: real line ends are CR LF, a backslash at the end of a line joins it with the next. */
function bytesOf(block: string): string {
  const named: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t', f: '\f' }
  const text = block
    .replaceAll(/\\\r?\n/g, '')
    .replaceAll(/\r\n|\r|\n/g, '\r\n')
    .replaceAll(/\\([rntf])/g, (_, name: string) => named[name]!)
    .replaceAll(/\\x([0-9a-fA-F]{2})/g, (_, digits: string) =>
      String.fromCharCode(Number.parseInt(digits, 16)),
    )
  return Buffer.from(text, 'utf8').toString('latin1')
}

const EVENT = /^off=(\d+) (.*)$/

function readEvents(log: string, input: string): Omit<LlhttpCase, 'id' | 'kind'> {
  const messages: LlhttpMessage[] = []
  let error = ''
  let isTunnel = false
  for (const line of log.split('\n')) {
    const [, offset, event = ''] = EVENT.exec(line) ?? []
    const failure = /^error code=(\d+) reason="(.*)"$/.exec(event)
    if (failure !== null && ['22', '23'].includes(failure[1]!)) isTunnel = true
    else if (failure !== null) error = failure[2]!
    else if (event === 'message begin') messages.push(emptyMessage(Number(offset)))
    else applyEvent(messages.at(-1), Number(offset), event, input)
  }
  return { input, messages, error, isTunnel }
}

function emptyMessage(start: number): LlhttpMessage {
  return {
    start,
    method: '',
    target: '',
    status: 0,
    fields: [],
    body: '',
    lineEnd: -1,
    isComplete: false,
    hasHead: false,
    isNameOpen: false,
  }
}

function applyEvent(
  message: LlhttpMessage | undefined,
  offset: number,
  event: string,
  input: string,
): void {
  if (message === undefined) return
  const span = /^len=(\d+) span\[(\w+)\]=/.exec(event)
  if (span !== null) {
    const text = input.slice(offset, offset + Number(span[1]))
    return addSpan(message, span[2]!, text)
  }
  if (event === 'version complete') message.lineEnd = offset
  if (event.startsWith('headers complete')) {
    message.hasHead = true
    message.status = Number(/status=(\d+)/.exec(event)?.[1] ?? 0)
  }
  if (event === 'message complete') message.isComplete = true
  if (event === 'header_field complete') message.isNameOpen = false
}

/** A field's name comes as one or more spans, ended by "header_field complete", then its value. Trailers are left out. */
function addSpan(message: LlhttpMessage, kind: string, text: string): void {
  if (kind === 'method') message.method += text
  else if (kind === 'url') message.target += text
  else if (kind === 'body') message.body += text
  else if (kind === 'header_field' && !message.hasHead) addName(message, text)
  else if (kind === 'header_value' && !message.hasHead) message.fields.at(-1)![1] += text
}

function addName(message: LlhttpMessage, text: string): void {
  if (message.isNameOpen) message.fields.at(-1)![0] += text
  else message.fields.push([text, ''])
  message.isNameOpen = true
}
