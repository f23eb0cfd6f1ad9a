/** Longer words are not compared: nobody mistypes them by a letter, and the comparison is quadratic. */
export const NEAREST_WORD_LENGTH_MAX = 64

/**
 * The known word that was most likely meant, or undefined when none is near: at most a third of the word's letters
 * are wrong, missing, too many or swapped with their neighbour (Damerau-Levenshtein, adjacent swaps); case does not count. The
 * first of equally near ones.
 */
export function nearestWord(word: string, known: Iterable<string>): string | undefined {
  if (word.length > NEAREST_WORD_LENGTH_MAX) return undefined
  const wanted = word.toLowerCase()
  let best: string | undefined
  let limit = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of known) {
    if (candidate.length > NEAREST_WORD_LENGTH_MAX) continue
    const distance = editDistance(wanted, candidate.toLowerCase(), limit)
    if (distance >= limit) continue
    best = candidate
    limit = distance
    if (distance === 0) break
  }
  return best
}

/** Edits (insert, delete, replace, swap of neighbours) from `a` to `b`; `limit` for anything from `limit` on. */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let before: number[] = []
  let last: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    before = last
    last = row
    row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      let least = Math.min(last[j]! + 1, row[j - 1]! + 1, replaced)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, before[j - 2]! + 1)
      }
      row.push(least)
    }
  }
  return Math.min(limit, row[b.length]!)
}
