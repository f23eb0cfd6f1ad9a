import { Labels, noLabels } from '../../labels/labels.ts'
import { isComparison, type Binary, type VectorMatching } from '../syntax/ast.ts'
import {
  changesMeaning,
  combineElements,
  findFloatOp,
  type Element,
  type FloatOp,
} from './element-op.ts'
import { QueryError } from './errors.ts'
import { checkEnd, Collector, type Evaluation } from './evaluation.ts'
import type { Grid } from './grid.ts'
import {
  createGrouping,
  createKey,
  createProjection,
  isMetadata,
  labelsText,
  withLabel,
} from './label-shapes.ts'
import { RowMerger } from './merge-rows.ts'
import {
  absent,
  createRow,
  float,
  isEmpty,
  setHistogram,
  type Row,
  type RowSink,
  type Table,
} from './rows.ts'

/** One operation between two vectors. `many` is the side of which several elements may match one of the other side. */
interface Join {
  readonly evaluation: Evaluation
  readonly binary: Binary
  readonly matching: VectorMatching
  readonly many: Table
  readonly one: Table
  readonly isManyLeft: boolean
  readonly stepCount: number
  readonly calculate: FloatOp | undefined
  readonly isFilter: boolean
  /** What stands for a missing element of each side. */
  readonly fillMany: number | undefined
  readonly fillOne: number | undefined
  /** Takes rows that may be of the same series as others. */
  readonly merger: RowMerger
  /** Takes rows that are of a series of their own. */
  readonly sink: RowSink
  readonly resultLabels: (many: Labels, one: Labels) => Labels
}

/** The elements that may match each other. */
interface Group {
  readonly many: number[]
  readonly one: number[]
}

/** The rows of an operator between two vectors. */
export function streamVectors(
  evaluation: Evaluation,
  binary: Binary,
  matching: VectorMatching,
  grid: Grid,
  sink: RowSink,
): void {
  const [left, right] = [new Collector(evaluation, grid), new Collector(evaluation, grid)]
  evaluation.recur.vector(evaluation, binary.left, grid, left.push)
  evaluation.recur.vector(evaluation, binary.right, grid, right.push)
  const isManyLeft = matching.card !== 'one-to-many'
  const join: Join = {
    evaluation,
    binary,
    matching,
    many: isManyLeft ? left.table : right.table,
    one: isManyLeft ? right.table : left.table,
    isManyLeft,
    stepCount: grid.count,
    calculate: findFloatOp(binary.op),
    isFilter: isComparison(binary.op) && !binary.isBool,
    fillMany: isManyLeft ? matching.fillLeft : matching.fillRight,
    fillOne: isManyLeft ? matching.fillRight : matching.fillLeft,
    merger: new RowMerger(evaluation, grid, sink),
    sink,
    resultLabels: createResultLabels(evaluation, binary, matching),
  }
  const key = createKey(matching.labels, !matching.isOn)
  const groups = groupElements(join, key)
  const anyMany = presenceOf(join.many, allOf(join.many))
  const row = createRow(grid.count)
  for (const group of groups.values()) {
    checkEnd(evaluation)
    joinGroup(join, group, { anyMany, row })
  }
  join.merger.flush()
  left.release()
  right.release()
}

function groupElements(
  { many, one }: Join,
  key: (labels: Labels) => string,
): ReadonlyMap<string, Group> {
  const groups = new Map<string, Group>()
  const groupOf = (labels: Labels): Group => {
    const text = key(labels)
    const known = groups.get(text)
    if (known !== undefined) return known
    const group: Group = { many: [], one: [] }
    groups.set(text, group)
    return group
  }
  for (const [index, labels] of many.labels.entries()) groupOf(labels).many.push(index)
  for (const [index, labels] of one.labels.entries()) groupOf(labels).one.push(index)
  return groups
}

function allOf(table: Table): readonly number[] {
  return Array.from({ length: table.length }, (_, index) => index)
}

/** At which times any of some rows has something. */
function presenceOf(table: Table, indices: readonly number[]): Uint8Array {
  const times = new Uint8Array(table.count)
  for (const index of indices) {
    for (let step = 0; step < table.count; step++) {
      if (table.kinds[index * table.count + step] !== absent) times[step] = 1
    }
  }
  return times
}

interface Joining {
  readonly anyMany: Uint8Array
  readonly row: Row
}

function joinGroup(join: Join, group: Group, { anyMany, row }: Joining): void {
  const { many, one } = join
  if (isPair(join, group)) {
    joinPair(join, group, row)
    return
  }
  checkUnique(join, group.one, anyMany)
  // Which many-elements were matched at a time, so that a second one is found out; which times have an element of the other side.
  const matched = join.matching.card === 'one-to-one' ? new Uint8Array(join.stepCount) : undefined
  const taken = new Map<string, Uint8Array>()
  for (const manyIndex of group.many) {
    for (const oneIndex of group.one) {
      const [labels, other] = [many.labels[manyIndex]!, one.labels[oneIndex]!]
      row.labels = join.resultLabels(labels, other)
      row.dropsName = join.binary.isBool || (many.dropsName[manyIndex] ?? false)
      fillPair(join, manyIndex, oneIndex, row)
      claim(join, { row, matched, taken })
    }
    if (join.fillOne !== undefined) fillMissingOne(join, group, manyIndex, { row, matched, taken })
  }
  if (join.fillMany !== undefined) fillMissingMany(join, group, row)
}

/** One element on each side, and nothing that would make the results of different groups equal. */
function isPair({ matching, fillMany, fillOne }: Join, { many, one }: Group): boolean {
  if (matching.card !== 'one-to-one' || many.length > 1 || one.length > 1) return false
  return fillMany === undefined && fillOne === undefined
}

function joinPair(join: Join, group: Group, row: Row): void {
  const [manyIndex, oneIndex] = [group.many[0], group.one[0]]
  if (manyIndex === undefined || oneIndex === undefined) return
  row.labels = join.resultLabels(join.many.labels[manyIndex]!, join.one.labels[oneIndex]!)
  row.dropsName = join.binary.isBool || (join.many.dropsName[manyIndex] ?? false)
  fillPair(join, manyIndex, oneIndex, row)
  for (let step = 0; step < row.kinds.length; step++) {
    if (row.kinds[step] === filtered) row.kinds[step] = absent
  }
  if (!isEmpty(row)) join.sink(row)
}

/** Two elements of the side that has to be unique, at the same time, cannot be told apart. */
function checkUnique(join: Join, indices: readonly number[], anyMany: Uint8Array): void {
  if (indices.length < 2) return
  const { one, stepCount, isManyLeft, matching, fillMany } = join
  const owners = new Int32Array(stepCount).fill(-1)
  for (const index of indices) {
    for (let step = 0; step < stepCount; step++) {
      if (one.kinds[index * stepCount + step] === absent) continue
      if (anyMany[step] === 0 && fillMany === undefined) continue
      const owner = owners[step]!
      if (owner < 0) owners[step] = index
      else
        throw duplicateError(one, [index, owner], { matching, side: isManyLeft ? 'right' : 'left' })
    }
  }
}

function duplicateError(
  table: Table,
  indices: readonly [number, number],
  { matching, side }: { readonly matching: VectorMatching; readonly side: 'left' | 'right' },
): QueryError {
  const [first, second] = indices.map((index) => table.labels[index] ?? noLabels)
  const group = createMatchedLabels(matching)(first ?? noLabels)
  const texts = [first, second].map((labels) => labelsText(labels ?? noLabels)).toSorted()
  const problem = `found duplicate series for the match group ${labelsText(group)} on the ${side} hand-side of the operation: [${texts.join(', ')}]`
  return new QueryError(
    `${problem};many-to-many matching not allowed: matching labels must be unique on one side`,
  )
}

function createMatchedLabels({ labels, isOn }: VectorMatching): (of: Labels) => Labels {
  return createGrouping(labels, !isOn)
}

/** The result of a pair of elements at each time at which both are there. */
function fillPair(join: Join, manyIndex: number, oneIndex: number, row: Row): void {
  const { many, one, stepCount } = join
  row.histograms = undefined
  for (let step = 0; step < stepCount; step++) {
    const manyKind = many.kinds[manyIndex * stepCount + step]!
    const oneKind = one.kinds[oneIndex * stepCount + step]!
    if (manyKind === absent || oneKind === absent) {
      row.kinds[step] = absent
      continue
    }
    const bothFloat = manyKind === float && oneKind === float
    if (bothFloat && join.calculate !== undefined) {
      const value = many.values[manyIndex * stepCount + step]!
      const other = one.values[oneIndex * stepCount + step]!
      setFloat(join, join.calculate, { row, step }, value, other)
    } else {
      const value = elementAt(many, manyIndex, step)
      setElement(join, { row, step }, value, elementAt(one, oneIndex, step))
    }
  }
}

function elementAt(table: Table, index: number, step: number): Element {
  return table.histogramAt(index, step) ?? table.values[index * table.count + step]!
}

interface Cell {
  readonly row: Row
  readonly step: number
}

/** A pair that a filter leaves out is there, but has no value: `kinds` says so until it was claimed. */
const filtered = 3

function setFloat(
  { isManyLeft, isFilter }: Join,
  calculate: FloatOp,
  { row, step }: Cell,
  value: number,
  other: number,
): void {
  const [left, right] = isManyLeft ? [value, other] : [other, value]
  const result = calculate(left, right)
  row.kinds[step] = isFilter && result === 0 ? filtered : float
  row.values[step] = isFilter ? left : result
}

function setElement(join: Join, { row, step }: Cell, value: Element, other: Element): void {
  const { isManyLeft, isFilter, evaluation, binary } = join
  const [left, right] = isManyLeft ? [value, other] : [other, value]
  const result = combineElements(evaluation, binary, left, right)
  if (result === undefined) row.kinds[step] = absent
  else if (isComparison(binary.op) && !isFilter) {
    row.kinds[step] = float
    row.values[step] = result.isTrue ? 1 : 0
  } else if (!result.isTrue) row.kinds[step] = filtered
  else if (typeof result.value === 'number') {
    row.kinds[step] = float
    row.values[step] = result.value
  } else setHistogram(row, step, result.value)
}

interface Claim {
  readonly row: Row
  readonly matched: Uint8Array | undefined
  readonly taken: Map<string, Uint8Array>
}

/** Gives a result its times, which nothing else of its group may have. */
function claim({ merger }: Join, { row, matched, taken }: Claim): void {
  const { kinds } = row
  let owned = matched
  if (owned === undefined) {
    owned = taken.get(row.labels.signature)
    if (owned === undefined) {
      owned = new Uint8Array(kinds.length)
      taken.set(row.labels.signature, owned)
    }
  }
  for (let step = 0; step < kinds.length; step++) {
    if (kinds[step] === absent) continue
    if (owned[step] === 1) {
      const what =
        matched === undefined
          ? 'grouping labels must ensure unique matches'
          : 'many-to-one matching must be explicit (group_left/group_right)'
      throw new QueryError(`multiple matches for labels: ${what}`)
    }
    owned[step] = 1
    if (kinds[step] === filtered) kinds[step] = absent
  }
  if (!isEmpty(row)) merger.push(row)
}

/** A value in the place of an element of the other side, at the times at which there is none. */
function fillMissingOne(join: Join, group: Group, manyIndex: number, claiming: Claim): void {
  const { many, stepCount, fillOne = NaN } = join
  const { row } = claiming
  const present = presenceOf(join.one, group.one)
  row.histograms = undefined
  row.labels = join.resultLabels(many.labels[manyIndex]!, noLabels)
  row.dropsName = join.binary.isBool || (many.dropsName[manyIndex] ?? false)
  for (let step = 0; step < stepCount; step++) {
    const kind = many.kinds[manyIndex * stepCount + step]!
    row.kinds[step] = absent
    if (kind === absent || present[step] === 1) continue
    const value = elementAt(many, manyIndex, step)
    if (typeof value === 'number' && join.calculate !== undefined) {
      setFloat(join, join.calculate, { row, step }, value, fillOne)
    } else setElement(join, { row, step }, value, fillOne)
  }
  claim(join, claiming)
}

/** A value in the place of all elements that match one, at the times at which there are none. It has the labels that were matched. */
function fillMissingMany(join: Join, group: Group, row: Row): void {
  const { one, many, stepCount, fillMany = NaN, matching } = join
  const present = presenceOf(many, group.many)
  const matchedLabels = createMatchedLabels(matching)
  for (const oneIndex of group.one) {
    const labels = one.labels[oneIndex]!
    row.histograms = undefined
    row.labels = join.resultLabels(matchedLabels(labels), labels)
    row.dropsName = false
    for (let step = 0; step < stepCount; step++) {
      const kind = one.kinds[oneIndex * stepCount + step]!
      row.kinds[step] = absent
      if (kind === absent || present[step] === 1) continue
      const value = elementAt(one, oneIndex, step)
      if (typeof value === 'number' && join.calculate !== undefined) {
        setFloat(join, join.calculate, { row, step }, fillMany, value)
      } else setElement(join, { row, step }, fillMany, value)
      if (row.kinds[step] === filtered) row.kinds[step] = absent
    }
    if (!isEmpty(row)) join.merger.push(row)
  }
}

/** The labels of a result: those of the side that may have many, without what was not compared, with what was asked for. */
function createResultLabels(
  { options }: Evaluation,
  { op, isBool }: Binary,
  { card, labels, isOn, include }: VectorMatching,
): Join['resultLabels'] {
  const named = new Set(labels)
  const dropsMetadata = changesMeaning(op) || (isBool && !options.delayedNameRemoval)
  const keepsName = (name: string) => !(dropsMetadata && isMetadata(name))
  const project = createProjection(
    card === 'one-to-one'
      ? (name) => keepsName(name) && named.has(name) === isOn
      : (name) => keepsName(name),
  )
  if (include.length === 0) return (many) => project(many)
  return (many, one) =>
    include.reduce((result, name) => withLabel(result, name, one.get(name)), project(many))
}
