/** Kahan's sum with Neumaier's improvement: what is lost by rounding is summed up beside. */
export interface Sum {
  value: number
  rest: number
}

/** Adds to a sum. Once it is infinite nothing is lost any more. */
export function addTo(sum: Sum, value: number): void {
  const next = sum.value + value
  if (next === Infinity || next === -Infinity) sum.rest = 0
  else if (Math.abs(sum.value) >= Math.abs(value)) sum.rest += sum.value - next + value
  else sum.rest += value - next + sum.value
  sum.value = next
}

/** The quantile of numbers that are sorted here: NaN is the smallest. NaN for none. */
export function quantileOf(values: Float64Array, share: number): number {
  if (values.length === 0 || share !== share) return NaN
  if (share < 0) return -Infinity
  if (share > 1) return Infinity
  const nanCount = sortNumbers(values)
  const at = (index: number) => (index < nanCount ? NaN : values[index - nanCount]!)
  const rank = share * (values.length - 1)
  const lower = Math.max(0, Math.floor(rank))
  const upper = Math.min(values.length - 1, lower + 1)
  const weight = rank - Math.floor(rank)
  return at(lower) * (1 - weight) + at(upper) * weight
}

/** Sorts with NaN last, which is how typed arrays do, and answers how many NaN there are. */
function sortNumbers(values: Float64Array): number {
  let nanCount = 0
  for (let index = 0; index < values.length; index++) {
    if (values[index] !== values[index]) nanCount++
  }
  values.sort()
  return nanCount
}
