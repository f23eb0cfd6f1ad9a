import type { Conditions } from './conditions.ts'
import type { PathSegment } from './pattern.ts'

/** A route at the node where its path ends, with its place in the file. */
export interface RouteEntry extends Conditions {
  readonly index: number
}

/** One node of the trie of path segments of one host. */
export interface TrieNode {
  /** Children by literal segment: an open hash table over `labels`, empty slots are -1. Its size is a power of two. */
  slots: Int32Array
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
    slots: new Int32Array(2).fill(-1),
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
  const hash = hashOf(label)
  const known = findChild(node, label, 0, label.length, hash)
  if (known !== undefined) return known
  const child = createTrieNode()
  node.labels.push(label)
  node.hashes.push(hash)
  node.children.push(child)
  if (node.labels.length * 2 > node.slots.length) rebuildSlots(node)
  else placeSlot(node, node.labels.length - 1)
  return child
}

function rebuildSlots(node: TrieNode): void {
  node.slots = new Int32Array(node.slots.length * 2).fill(-1)
  for (let i = 0; i < node.labels.length; i++) placeSlot(node, i)
}

function placeSlot(node: TrieNode, index: number): void {
  const mask = node.slots.length - 1
  let slot = node.hashes[index]! & mask
  while (node.slots[slot] !== -1) slot = (slot + 1) & mask
  node.slots[slot] = index
}

/** The child for the segment `path[start, end)` with this hash. No substring is made. */
export function findChild(
  node: TrieNode,
  path: string,
  start: number,
  end: number,
  hash: number,
): TrieNode | undefined {
  const { slots, labels, hashes } = node
  const mask = slots.length - 1
  for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
    const index = slots[slot]!
    if (index === -1) return undefined
    if (hashes[index] !== hash) continue
    const label = labels[index]!
    if (label.length === end - start && path.startsWith(label, start)) return node.children[index]
  }
}

export const HASH_START = 0x811c9dc5

/** One step of FNV-1a over characters: the table is compiled from the file, so nobody outside chooses its keys. */
export function hashStep(hash: number, char: number): number {
  return Math.imul(hash ^ char, 0x01000193)
}

function hashOf(label: string): number {
  let hash = HASH_START
  for (let i = 0; i < label.length; i++) hash = hashStep(hash, label.charCodeAt(i))
  return finishHash(hash)
}

/** Spreads the high bits, as the tables use the low ones. */
export function finishHash(hash: number): number {
  return (hash ^ (hash >>> 15)) | 0
}
