/** Things by the DNS names that they are good for. */
export interface NameTable<Value> {
  /**
   * Those of this name, in the order in which they were given; else those of the wildcard that covers it: `*.example.com` is one label before the rest, and not
   * the rest itself (RFC 6125 section 6.4.3). Lower case and upper case are the same, and one dot at the end says nothing.
   */
  find(name: string): readonly Value[]
}

/** `names` of a value are host names, `*.` and the rest of one, or addresses as text. */
export function createNameTable<Value>(
  entries: readonly { readonly names: readonly string[]; readonly value: Value }[],
): NameTable<Value> {
  const byName = new Map<string, Value[]>()
  for (const { names, value } of entries) {
    for (const name of new Set(names.map(normalizeName))) {
      const known = byName.get(name)
      if (known === undefined) byName.set(name, [value])
      else known.push(value)
    }
  }
  return {
    find(name) {
      const plain = normalizeName(name)
      const exact = byName.get(plain)
      if (exact !== undefined) return exact
      const dot = plain.indexOf('.')
      return dot <= 0 ? [] : (byName.get(`*${plain.slice(dot)}`) ?? [])
    },
  }
}

function normalizeName(name: string): string {
  const lower = name.toLowerCase()
  return lower.endsWith('.') ? lower.slice(0, -1) : lower
}
