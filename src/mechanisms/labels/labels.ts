/**
 * The labels of a series: pairs of a name and a value, sorted by name, without empty values, never changed. `__name__` is one of
 * them. Two sets of labels are equal when their signatures are.
 *
 * `names` may be shared by many sets: who makes labels of many series with the same names hands in the same array, which saves
 * memory and lets a reader find a name once for all of them.
 */
export class Labels {
  readonly names: readonly string[]
  readonly values: readonly string[]
  #signature: string | undefined

  /** `names` rise strictly (`compareText`), `values` has as many, none of them empty: use `labelsOf` where that is not known. */
  constructor(names: readonly string[], values: readonly string[]) {
    this.names = names
    this.values = values
  }

  /** Equal for equal labels and for no others; stable between processes and versions. Made when it is first asked for. */
  get signature(): string {
    return (this.#signature ??= signatureOf(this.names, this.values))
  }

  /** The value of a name, empty where there is none. */
  get(name: string): string {
    const { names } = this
    for (let index = 0; index < names.length; index++) {
      if (names[index] === name) return this.values[index]!
    }
    return ''
  }

  /** Whether there is a label of this name. */
  has(name: string): boolean {
    return this.names.includes(name)
  }
}

/** No labels at all. */
export const noLabels = labelsOf([])

/** Labels of pairs in any order. Of pairs with the same name the last one counts; one with an empty value is no label. */
export function labelsOf(pairs: Iterable<readonly [name: string, value: string]>): Labels {
  const known = new Map(pairs)
  const kept = [...known].filter(([, value]) => value !== '')
  kept.sort(([one], [other]) => compareText(one, other))
  return new Labels(
    kept.map(([name]) => name),
    kept.map(([, value]) => value),
  )
}

/** Order of names, as that of their bytes in UTF-8: negative where `one` is first, 0 where they are equal. */
export function compareText(one: string, other: string): number {
  const length = Math.min(one.length, other.length)
  for (let index = 0; index < length; index++) {
    const left = one.charCodeAt(index)
    const right = other.charCodeAt(index)
    if (left !== right) return rankOf(left) - rankOf(right)
  }
  return one.length - other.length
}

/** Order of labels: name by name and value by value, then the shorter set first. */
export function compareLabels(one: Labels, other: Labels): number {
  const length = Math.min(one.names.length, other.names.length)
  for (let index = 0; index < length; index++) {
    const order =
      compareText(one.names[index]!, other.names[index]!) ||
      compareText(one.values[index]!, other.values[index]!)
    if (order !== 0) return order
  }
  return one.names.length - other.names.length
}

/** A code unit's place in the order of UTF-8: halves of a pair, which stand for what lies above U+FFFF, come behind U+E000 to U+FFFF. */
function rankOf(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}

/** Each text behind its length, so that nothing in a text can look like an end of it. */
function signatureOf(names: readonly string[], values: readonly string[]): string {
  let signature = ''
  for (let index = 0; index < names.length; index++) {
    const name = names[index]!
    const value = values[index]!
    signature += `${name.length}:${name}${value.length}:${value}`
  }
  return signature
}
