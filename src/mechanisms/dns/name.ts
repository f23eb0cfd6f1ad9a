/** Bytes of a name on the wire, lengths and root included (RFC 1035 section 2.3.4). */
export const NAME_BYTES_MAX = 255
/** Bytes of one label (RFC 1035 section 2.3.4). */
export const LABEL_BYTES_MAX = 63

/** A domain name, parsed once: what is written often is written from here. */
export interface DnsName {
  /** One character a byte, in the case that they came in, without the root. */
  readonly labels: readonly string[]
  /**
   * The name and each of its parents in presentation format, lower case and without the final dot: `www.example.com`, `example.com`, `com`.
   * Names are equal when their first keys are (RFC 4343). Empty for the root.
   */
  readonly keys: readonly string[]
  /** Uncompressed, with the root. */
  readonly wire: Uint8Array
}

/** Makes a name of labels, one character a byte. Undefined where one is empty or too long, or the whole is. */
export function createName(labels: readonly string[]): DnsName | undefined {
  let bytes = 1
  for (const label of labels) {
    if (label.length === 0 || label.length > LABEL_BYTES_MAX) return undefined
    bytes += label.length + 1
  }
  if (bytes > NAME_BYTES_MAX) return undefined
  const wire = new Uint8Array(bytes)
  let at = 0
  for (const label of labels) {
    wire[at++] = label.length
    for (let i = 0; i < label.length; i++) {
      const byte = label.charCodeAt(i)
      if (byte > 255) return undefined
      wire[at++] = byte
    }
  }
  return { labels, keys: keysOf(labels), wire }
}

/** A name of a text such as `web.service.consul` or `example.com.`, without escapes. Undefined where it is none. */
export function parseName(text: string): DnsName | undefined {
  const relative = text.endsWith('.') ? text.slice(0, -1) : text
  return createName(relative === '' ? [] : relative.split('.'))
}

/** What names are compared by: lower case, without the final dot; empty for the root. */
export function keyOf(name: DnsName): string {
  return name.keys[0] ?? ''
}

function keysOf(labels: readonly string[]): readonly string[] {
  const keys: string[] = []
  let key = ''
  for (let i = labels.length - 1; i >= 0; i--) {
    const label = lowerCase(escapeLabel(labels[i]!))
    key = key === '' ? label : `${label}.${key}`
    keys.push(key)
  }
  return keys.reverse()
}

/** ASCII only: other bytes have no case in names (RFC 4343 section 3). They are escaped here. */
function lowerCase(escaped: string): string {
  return escaped.toLowerCase()
}

/** RFC 1035 section 5.1: a dot and a backslash get a backslash, what cannot be printed becomes three digits. */
function escapeLabel(label: string): string {
  if (/^[A-Za-z0-9_-]+$/.test(label)) return label
  return label.replace(/[^!-~]|[.\\]/g, (one) =>
    one === '.' || one === '\\' ? `\\${one}` : `\\${String(one.charCodeAt(0)).padStart(3, '0')}`,
  )
}
