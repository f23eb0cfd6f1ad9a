/** What two rising lists have in common. */
export function intersect(one: Uint32Array, other: Uint32Array): Uint32Array {
  const [short, long] = one.length <= other.length ? [one, other] : [other, one]
  const kept = new Uint32Array(short.length)
  let count = 0
  let at = 0
  for (const ref of short) {
    at = gallop(long, at, ref)
    if (at === long.length) break
    if (long[at] === ref) kept[count++] = ref
  }
  return kept.subarray(0, count)
}

/** What is in the first rising list and not in the second. */
export function subtract(one: Uint32Array, other: Uint32Array): Uint32Array {
  const kept = new Uint32Array(one.length)
  let count = 0
  let at = 0
  for (const ref of one) {
    at = gallop(other, at, ref)
    if (other[at] !== ref) kept[count++] = ref
  }
  return kept.subarray(0, count)
}

/** All of some lists that have nothing in common, rising. */
export function union(lists: readonly Uint32Array[]): Uint32Array {
  if (lists.length === 1) return lists[0]!
  const all = new Uint32Array(lists.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const list of lists) {
    all.set(list, at)
    at += list.length
  }
  return all.sort()
}

/** The first place from `from` on whose number is not below `ref`: by steps that double, then by halves. */
function gallop(list: Uint32Array, from: number, ref: number): number {
  let step = 1
  let low = from
  let high = from
  while (high < list.length && list[high]! < ref) {
    low = high + 1
    high += step
    step *= 2
  }
  high = Math.min(high, list.length)
  while (low < high) {
    const middle = (low + high) >> 1
    if (list[middle]! < ref) low = middle + 1
    else high = middle
  }
  return low
}
