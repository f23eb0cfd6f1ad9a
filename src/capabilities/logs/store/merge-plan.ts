import type { SealedFile } from './sealed-files.ts'

/** So many files of one size become one. */
export const MERGE_FILES = 8
/** A file of this size stays as it is. */
export const MERGED_BYTES_MAX = 256 * 1024 * 1024

/** The next files to be put together, all of one hour and class; undefined: there are none. `isOver` says whether an hour gets no more files. */
export function planMerge(
  files: readonly SealedFile[],
  isOver: (hour: string) => boolean,
): readonly SealedFile[] | undefined {
  const groups = new Map<string, SealedFile[]>()
  for (const file of files) {
    const key = `${file.hour} ${file.keep}`
    const group = groups.get(key) ?? []
    group.push(file)
    groups.set(key, group)
  }
  for (const group of groups.values()) {
    const found = mergeable(
      group.toSorted((a, b) => a.first - b.first),
      isOver(group[0]!.hour),
    )
    if (found !== undefined) return found
  }
  return undefined
}

/** Neighbours only: a file covers a run of segments, and nothing else may lie in it. */
function mergeable(
  group: readonly SealedFile[],
  isOver: boolean,
): readonly SealedFile[] | undefined {
  const least = isOver ? 2 : MERGE_FILES
  for (let start = 0; start + least <= group.length; start++) {
    const run: SealedFile[] = []
    let bytes = 0
    for (const file of group.slice(start)) {
      // One that is large enough ends the run: stepped over, it would lie in what the merged file covers.
      if (file.bytes >= MERGED_BYTES_MAX || bytes + file.bytes > MERGED_BYTES_MAX) break
      run.push(file)
      bytes += file.bytes
    }
    if (run.length < least) continue
    // While an hour grows only small ones are put together, so that no record is written often.
    if (isOver || run.every((file) => file.bytes <= (bytes / run.length) * 3)) return run
  }
  return undefined
}
