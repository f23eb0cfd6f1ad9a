import { quote } from '../../go-text/go-text.ts'
import { compareText, Labels, noLabels } from '../../labels/labels.ts'

/** Labels made of others. */
export type LabelsMap = (labels: Labels) => Labels

const metadata: ReadonlySet<string> = new Set(['__name__', '__type__', '__unit__'])

/** Whether a label says what a series is, and not whose: the name, the type, the unit. */
export function isMetadata(name: string): boolean {
  return metadata.has(name)
}

/**
 * Keeps some labels. Which ones is found out once for all series with the same array of names, and what is made of them has one
 * array of names again.
 */
export function createProjection(keeps: (name: string) => boolean): LabelsMap {
  const known = new Map<readonly string[], Projection>()
  let lastNames: readonly string[] | undefined
  let last: Projection | undefined
  return (labels) => {
    if (labels.names !== lastNames || last === undefined) {
      lastNames = labels.names
      last = known.get(labels.names)
      if (last === undefined) {
        last = project(labels.names, keeps)
        if (known.size < shapesMax) known.set(labels.names, last)
      }
    }
    return apply(labels, last)
  }
}

/** More shapes than this are not remembered: every series has its own. */
const shapesMax = 10_000

interface Projection {
  readonly names: readonly string[]
  readonly indices: readonly number[]
  readonly isAll: boolean
}

function project(names: readonly string[], keeps: (name: string) => boolean): Projection {
  const indices = names.flatMap((name, index) => (keeps(name) ? [index] : []))
  return {
    names: indices.map((index) => names[index] ?? ''),
    indices,
    isAll: indices.length === names.length,
  }
}

function apply(labels: Labels, { names, indices, isAll }: Projection): Labels {
  if (isAll) return labels
  if (indices.length === 0) return noLabels
  const values: string[] = []
  for (let nth = 0; nth < indices.length; nth++) values.push(labels.values[indices[nth]!]!)
  return new Labels(names, values)
}

/** Labels without name, type and unit. */
export function createNameDrop(): LabelsMap {
  return createProjection((name) => !metadata.has(name))
}

/** The labels that a grouping keeps. `without` drops the name too. */
export function createGrouping(labels: readonly string[], isWithout: boolean): LabelsMap {
  const named = new Set(labels)
  return createProjection(
    isWithout ? (name) => !named.has(name) && !metadata.has(name) : (name) => named.has(name),
  )
}

/** A text that is equal for equal values of some labels. Much cheaper than labels. */
export function createKey(
  labels: readonly string[],
  isWithout: boolean,
): (labels: Labels) => string {
  if (isWithout) {
    const grouping = createGrouping(labels, true)
    return (of) => grouping(of).signature
  }
  const names = [...new Set(labels)]
  const [first] = names
  if (first === undefined) return () => ''
  const firstReader = createReader(first)
  if (names.length === 1) return firstReader
  const readers = names.map(createReader)
  return (of) => {
    let key = ''
    for (const read of readers) {
      const value = read(of)
      key += `${value.length}:${value}`
    }
    return key
  }
}

/** Reads one label; remembers where it stands among the same names. */
export function createReader(name: string): (labels: Labels) => string {
  let names: readonly string[] | undefined
  let at = -1
  return (labels) => {
    if (labels.names !== names) {
      names = labels.names
      at = names.indexOf(name)
    }
    return at < 0 ? '' : labels.values[at]!
  }
}

/** Labels with another value of one of them; an empty value removes it. */
export function withLabel(labels: Labels, name: string, value: string): Labels {
  const { names, values } = labels
  const at = names.indexOf(name)
  if (at >= 0) {
    if (value !== '') return new Labels(names, values.with(at, value))
    return new Labels(names.toSpliced(at, 1), values.toSpliced(at, 1))
  }
  if (value === '') return labels
  const place = names.findIndex((other) => compareText(other, name) > 0)
  const index = place < 0 ? names.length : place
  return new Labels(names.toSpliced(index, 0, name), values.toSpliced(index, 0, value))
}

/** Whether a text may be the name of a label: any that is UTF-8 and not empty. */
export function isLabelName(name: string): boolean {
  return name !== '' && name.isWellFormed()
}

/** Labels as Prometheus writes them in errors: `{__name__="up", job="a"}`. */
export function labelsText({ names, values }: Labels): string {
  const pairs = names.map((name, index) => {
    const isPlain = /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)
    return `${isPlain ? name : quote(name)}=${quote(values[index] ?? '')}`
  })
  return `{${pairs.join(', ')}}`
}
