/** An element. Text between its children is joined: what is read here has either the one or the other. */
export interface XmlElement {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly children: readonly XmlElement[]
  readonly text: string
}

/** What a document may be at most; the size of the text is bounded by whoever has it. */
export interface XmlLimits {
  readonly depthMax: number
  /** Elements and attributes together. */
  readonly nodesMax: number
}

/** What holds where nobody says more. */
export const XML_LIMITS: XmlLimits = { depthMax: 32, nodesMax: 10_000 }

/** The text is no document that is read here; the message says why and at which character. */
export class XmlError extends Error {
  override readonly name = 'XmlError'
  readonly code = 'ERR_XML_MALFORMED'

  constructor(reason: string, at: number) {
    super(`The XML ${reason} at character ${at + 1}.`)
  }
}

interface Open {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly children: XmlElement[]
  text: string
}

interface Reader {
  readonly source: string
  readonly limits: XmlLimits
  at: number
  nodeCount: number
}

/** XML 1.0 section 2.3, without the names that nobody writes. */
const NAME = /[\p{L}_:][\p{L}\p{N}_:.-]*/uy
const SPACE = /[ \t\r\n]*/y
/** XML 1.0 section 2.2: what must not be in a document. */
// oxlint-disable-next-line no-control-regex
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/
const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['lt', '<'],
  ['gt', '>'],
  ['amp', '&'],
  ['quot', '"'],
  ['apos', "'"],
])

/**
 * Reads a document (XML 1.0). No document type and so no entities but the five that XML itself has: nothing grows, nothing is fetched.
 * No processing instructions. Throws `XmlError`.
 */
export function parseXml(source: string, limits: XmlLimits = XML_LIMITS): XmlElement {
  const forbidden = FORBIDDEN.exec(source)
  if (forbidden !== null) throw new XmlError('has a control character', forbidden.index)
  const reader: Reader = { source, limits, at: source.startsWith('\ufeff') ? 1 : 0, nodeCount: 0 }
  skipDeclaration(reader)
  skipBetween(reader)
  const root = readElements(reader)
  skipBetween(reader)
  if (reader.at < source.length) throw new XmlError('has something behind its root', reader.at)
  return root
}

/** The first child of this name. */
export function childOf(element: XmlElement, name: string): XmlElement | undefined {
  return element.children.find((child) => child.name === name)
}

/** Depth is a list, not a stack of calls. */
function readElements(reader: Reader): XmlElement {
  const stack: Open[] = []
  let root: XmlElement | undefined
  const close = (element: Open): void => {
    const parent = stack.at(-1)
    if (parent === undefined) root = element
    else parent.children.push(element)
  }
  do {
    if (reader.source.startsWith('</', reader.at)) close(readEnd(reader, stack.pop()))
    else {
      const { element, isEmpty } = readStart(reader)
      if (isEmpty) close(element)
      else if (stack.length >= reader.limits.depthMax) fail(reader, 'is too deep')
      else stack.push(element)
    }
    const open = stack.at(-1)
    if (open !== undefined) readText(reader, open)
  } while (root === undefined)
  return root
}

function readStart(reader: Reader): { readonly element: Open; readonly isEmpty: boolean } {
  expect(reader, '<', 'has no element')
  const name = readName(reader)
  count(reader)
  const attributes = new Map<string, string>()
  for (;;) {
    const hasSpace = skip(reader, SPACE) > 0
    const isEmpty = reader.source.startsWith('/>', reader.at)
    if (isEmpty || reader.source[reader.at] === '>') {
      reader.at += isEmpty ? 2 : 1
      return { element: { name, attributes, children: [], text: '' }, isEmpty }
    }
    if (!hasSpace) fail(reader, 'has no space before an attribute')
    readAttribute(reader, attributes)
  }
}

function readAttribute(reader: Reader, attributes: Map<string, string>): void {
  const name = readName(reader)
  count(reader)
  skip(reader, SPACE)
  expect(reader, '=', 'has an attribute without a value')
  skip(reader, SPACE)
  const quote = reader.source[reader.at]
  if (quote !== '"' && quote !== "'") fail(reader, 'has a value without quotes')
  const end = reader.source.indexOf(quote, reader.at + 1)
  if (end < 0) fail(reader, 'ends inside a value')
  const raw = reader.source.slice(reader.at + 1, end)
  if (raw.includes('<')) fail(reader, 'has a < inside a value')
  if (attributes.has(name)) fail(reader, 'has an attribute twice')
  attributes.set(name, resolve(raw.replace(/[\t\r\n]/g, ' '), reader.at))
  reader.at = end + 1
}

function readEnd(reader: Reader, open: Open | undefined): Open {
  reader.at += 2
  const name = readName(reader)
  skip(reader, SPACE)
  expect(reader, '>', 'has an end tag that does not end')
  if (open === undefined || open.name !== name)
    fail(reader, `has an end of ${name} that none began`)
  return open
}

/** Up to the next tag. */
function readText(reader: Reader, open: Open): void {
  for (;;) {
    const end = reader.source.indexOf('<', reader.at)
    if (end < 0) fail(reader, `ends inside ${open.name}`)
    const raw = reader.source.slice(reader.at, end)
    if (raw.includes(']]>')) fail(reader, 'has a ]]> outside of CDATA')
    open.text += resolve(raw.replace(/\r\n?/g, '\n'), reader.at)
    reader.at = end
    if (reader.source.startsWith('<![CDATA[', end)) {
      const close = endOf(reader, ']]>', 'ends inside CDATA')
      open.text += reader.source.slice(end + 9, close).replace(/\r\n?/g, '\n')
      reader.at = close + 3
    } else if (!skipComment(reader)) return
  }
}

/** References to characters and to the five entities (XML 1.0 sections 4.1 and 4.6). */
function resolve(raw: string, at: number): string {
  if (!raw.includes('&')) return raw
  return raw.replace(/&([^;&]*);?/g, (whole, name: string) => {
    const found = whole.endsWith(';') ? (ENTITIES.get(name) ?? characterOf(name)) : undefined
    if (found === undefined)
      throw new XmlError(`has an unknown reference ${whole.slice(0, 20)}`, at)
    return found
  })
}

function characterOf(name: string): string | undefined {
  const match = /^#(?:x([0-9A-Fa-f]{1,6})|([0-9]{1,7}))$/.exec(name)
  if (match === null) return undefined
  const code = match[1] === undefined ? Number(match[2]) : Number.parseInt(match[1], 16)
  if (code > 0x10_ffff || (code >= 0xd800 && code <= 0xdfff)) return undefined
  const character = String.fromCodePoint(code)
  return FORBIDDEN.test(character) ? undefined : character
}

function skipDeclaration(reader: Reader): void {
  if (!/^<\?xml[ \t\r\n]/.test(reader.source.slice(reader.at, reader.at + 6))) return
  reader.at = endOf(reader, '?>', 'ends inside its declaration') + 2
}

/** Spaces and comments around the root. */
function skipBetween(reader: Reader): void {
  do skip(reader, SPACE)
  while (skipComment(reader))
}

function skipComment(reader: Reader): boolean {
  const { source, at } = reader
  if (source.startsWith('<!--', at)) {
    const end = source.indexOf('--', at + 4)
    if (end < 0 || source[end + 2] !== '>') fail(reader, 'has a comment that does not end')
    reader.at = end + 3
    return true
  }
  if (source.startsWith('<!', at) && !source.startsWith('<![CDATA[', at)) {
    fail(reader, 'has a document type, which is not read here,')
  }
  if (source.startsWith('<?', at)) fail(reader, 'has a processing instruction')
  return false
}

function readName(reader: Reader): string {
  const start = reader.at
  if (skip(reader, NAME) === 0) fail(reader, 'has no name where one must be')
  return reader.source.slice(start, reader.at)
}

/** Moves on over what matches here; returns how many characters that were. */
function skip(reader: Reader, pattern: RegExp): number {
  pattern.lastIndex = reader.at
  const length = pattern.exec(reader.source)?.[0].length ?? 0
  reader.at += length
  return length
}

function expect(reader: Reader, text: string, otherwise: string): void {
  if (!reader.source.startsWith(text, reader.at)) fail(reader, otherwise)
  reader.at += text.length
}

function endOf(reader: Reader, text: string, otherwise: string): number {
  const end = reader.source.indexOf(text, reader.at)
  if (end < 0) fail(reader, otherwise)
  return end
}

function count(reader: Reader): void {
  reader.nodeCount++
  if (reader.nodeCount > reader.limits.nodesMax) fail(reader, 'has too many elements')
}

function fail(reader: Reader, reason: string): never {
  throw new XmlError(reason, reader.at)
}
