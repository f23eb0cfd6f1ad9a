import { compareText } from '../../labels/labels.ts'

/** Order of texts in which numbers within them count as numbers: `a2` before `a10`. Negative where `one` is first. */
export function compareNaturally(one: string, other: string): number {
  const [left, right] = [chunksOf(one), chunksOf(other)]
  for (let index = 0; index < Math.min(left.length, right.length); index++) {
    const compared = compareChunks(left[index] ?? '', right[index] ?? '')
    if (compared !== 0) return compared
  }
  return left.length - right.length || compareText(one, other)
}

function chunksOf(text: string): readonly string[] {
  return text.match(/\d+|\D+/g) ?? []
}

function compareChunks(one: string, other: string): number {
  const isNumber = /^\d/.test(one) && /^\d/.test(other)
  if (!isNumber) return compareText(one, other)
  const [left, right] = [one.replace(/^0+/, ''), other.replace(/^0+/, '')]
  if (left.length !== right.length) return left.length - right.length
  // The same number: more zeros before it come first.
  return compareText(left, right) || other.length - one.length
}
