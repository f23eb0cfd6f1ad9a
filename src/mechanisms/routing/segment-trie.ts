import type { Conditions } from './conditions.ts'
import type { PathSegment } from './pattern.ts'

/** A route at the node where its path ends, with its place in the file. */
export interface RouteEntry extends Conditions {
  readonly index: number
}

/** One node of the trie of path segments of one host. */
export interface TrieNode {
  /** Children by literal segment: an open hash table over `labels`, empty slots are -1. Its size is a power of two; none for a few children. */
  slots: Int32Array | undefined
  readonly labels: string[]
  readonly hashes: number[]
  readonly children: TrieNode[]
  /** Child for `*` and `{param}`. */
  one: TrieNode | undefined
  /** Routes whose path ends here, and those with `**` here; the most specific first. */
  readonly ends: RouteEntry[]
  readonly rests: RouteEntry[]
}

export function createTrieNode(): TrieNode {
  return {
    slots: undefined,
    labels: [],
    hashes: [],
    children: [],
    one: undefined,
    ends: [],
    rests: [],
  }
}

/** Adds a route under its segments. Entries must come in order: the most specific first. */
export function insertRoute(
  root: TrieNode,
  segments: readonly PathSegment[],
  entry: RouteEntry,
): void {
  let node = root
  for (const segment of segments) {
    if (segment.kind === 'rest') {
      node.rests.push(entry)
      return
    }
    node =
      segment.kind === 'one' ? (node.one ??= createTrieNode()) : literalChild(node, segment.text)
  }
  node.ends.push(entry)
}

function literalChild(node: TrieNode, label: string): TrieNode {
  const known = findChild(node, label, 0, label.length)
  if (known !== undefined) return known
  const child = createTrieNode()
  node.labels.push(label)
  node.hashes.push(hashOf(label, 0, label.length))
  node.children.push(child)
  if (node.labels.length > LIST_MAX) placeLast(node)
  return child
}

/** Up to this many children are compared one by one: most nodes have one or two, and a table each would be waste. */
const LIST_MAX = 4

function placeLast(node: TrieNode): void {
  const count = node.labels.length
  if (node.slots !== undefined && count * 2 <= node.slots.length) {
    placeSlot(node.slots, node.hashes[count - 1]!, count - 1)
    return
  }
  node.slots = new Int32Array((node.slots?.length ?? 2 * LIST_MAX) * 2).fill(-1)
  for (let i = 0; i < count; i++) placeSlot(node.slots, node.hashes[i]!, i)
}

function placeSlot(slots: Int32Array, hash: number, index: number): void {
  const mask = slots.length - 1
  let slot = hash & mask
  while (slots[slot] !== -1) slot = (slot + 1) & mask
  slots[slot] = index
}

/** The child for the segment `path[start, end)`. No substring is made. */
export function findChild(
  node: TrieNode,
  path: string,
  start: number,
  end: number,
): TrieNode | undefined {
  const { slots, labels } = node
  if (slots === undefined) {
    for (let index = 0; index < labels.length; index++) {
      if (isLabel(labels[index]!, path, start, end)) return node.children[index]
    }
    return undefined
  }
  const hash = hashOf(path, start, end)
  const mask = slots.length - 1
  for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
    const index = slots[slot]!
    if (index === -1) return undefined
    if (node.hashes[index] === hash && isLabel(labels[index]!, path, start, end))
      return node.children[index]
  }
}

function isLabel(label: string, path: string, start: number, end: number): boolean {
  return label.length === end - start && path.startsWith(label, start)
}

/** FNV-1a over characters: the table is compiled from the file, so nobody outside chooses its keys. */
function hashOf(text: string, start: number, end: number): number {
  let hash = 0x811c9dc5
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  // The tables use the low bits, so the high ones are mixed in.
  return (hash ^ (hash >>> 15)) | 0
}
