/** A name that can stand in a tag. */
const NAME = /^[\p{L}_:][\p{L}\p{N}_:.-]*$/u
const SPECIAL = /[<>&"']/
const REPLACED: ReadonlyMap<string, string> = new Map([
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['&', '&amp;'],
  ['"', '&quot;'],
  ["'", '&apos;'],
])
/** What no document may have (XML 1.0 section 2.2), and what reading would change. */
// oxlint-disable-next-line no-control-regex
const UNWRITABLE = /[\u0000-\u0008\u000b\u000c\u000d\u000e-\u001f\ufffe\uffff]|\p{Cs}/gu

/** A text as it stands between tags or in quotes. What XML cannot say is a replacement character. */
export function escapeXml(text: string): string {
  const writable = text.replace(UNWRITABLE, (one) => (one === '\r' ? '\r' : '\ufffd'))
  const escaped = SPECIAL.test(writable)
    ? writable.replace(/[<>&"']/g, (one) => REPLACED.get(one) ?? one)
    : writable
  return escaped.includes('\r') ? escaped.replaceAll('\r', '&#13;') : escaped
}

/** An element around what is written already. */
export function wrapXml(name: string, inner: string, attributes = ''): string {
  return `<${name}${attributes}>${inner}</${name}>`
}

/** An element with a text. */
export function textXml(name: string, text: string): string {
  return wrapXml(name, escapeXml(text))
}

/** Whether an element can have this name. */
export function isXmlName(name: string): boolean {
  return NAME.test(name)
}
