/**
 * The lengths of the codes of all 256 bytes and of EOS (RFC 7541 appendix B), as runs of `length` or `length x count`. The code is canonical: among
 * codes of one length the order is that of the symbols, so that the lengths say all.
 */
const LENGTHS: readonly number[] =
  '13 23 28x7 24 30 28x2 30 28x8 30 28x9 6 10x2 12 13 6 8 11 10x2 8 11 8 6x3 5x3 6x7 7 8 15 6 12 10 13 6 7x22 8 7 8 13 19 13 14 6 15 5 6 5 6 5 6x3 5 7x2 6x3 5 6 7 6 5x2 6 7x5 15 11 14 13 28 20 22 20x2 22x3 23 22 23x5 24 23 24x2 22 23 24 23x4 21 22 23 22 23x2 24 22 21 20 22x2 23x2 21 23 22x2 24 21 22 23x2 21x2 22 21 23 22 23x2 20 22x3 23 22x2 23 26x2 20 19 22 23 22 25 26x3 27x2 26 24 25 19 21 26 27x2 26 27 24 21x2 26x2 28 27x3 20 24 20 21 22 21x2 23 22x2 25x2 24x2 26 23 26 27 26x2 27x5 28 27x5 26 30'
    .split(' ')
    .flatMap((run) => {
      const [length = '', count = '1'] = run.split('x')
      return Array.from({ length: Number(count) }, () => Number(length))
    })

const EOS = 256

/** The code of each symbol, right-aligned. */
const CODES: readonly number[] = canonicalCodes(LENGTHS)

function canonicalCodes(lengths: readonly number[]): number[] {
  const symbols = lengths.map((_, symbol) => symbol)
  symbols.sort((a, b) => lengths[a]! - lengths[b]! || a - b)
  const codes: number[] = []
  let code = 0
  let before = 0
  for (const symbol of symbols) {
    code *= 2 ** (lengths[symbol]! - before)
    before = lengths[symbol]!
    codes[symbol] = code++
  }
  return codes
}

/** Marks of a step of the decoder; the low byte is the next state, the byte behind it the symbol. */
const EMITS = 1 << 16
const FAILS = 1 << 17
/** Bytes may end in the state behind this step: what is left of the code are at most 7 ones (RFC 7541 section 5.2). */
const ENDS = 1 << 18

/** One step for each inner node of the code's tree and each half byte: no code is shorter than 5 bits, so a step emits at most one symbol. */
const STEPS: Int32Array = buildSteps()

interface Node {
  readonly state: number
  readonly depth: number
  /** All branches on the way to it are ones. */
  readonly isOnes: boolean
  readonly next: [Node | number | undefined, Node | number | undefined]
}

function buildSteps(): Int32Array {
  const nodes: Node[] = [{ state: 0, depth: 0, isOnes: true, next: [undefined, undefined] }]
  for (let symbol = 0; symbol <= EOS; symbol++) addCode(nodes, symbol)
  const steps = new Int32Array(nodes.length * 16)
  for (const node of nodes) {
    for (let half = 0; half < 16; half++)
      steps[node.state * 16 + half] = stepFrom(nodes, node, half)
  }
  return steps
}

function addCode(nodes: Node[], symbol: number): void {
  const length = LENGTHS[symbol]!
  let node = nodes[0]!
  for (let bit = length - 1; bit >= 0; bit--) {
    const branch = ((CODES[symbol]! >>> bit) & 1) as 0 | 1
    if (bit === 0) {
      node.next[branch] = symbol
      return
    }
    const known = node.next[branch]
    if (typeof known === 'object') node = known
    else {
      const isOnes = node.isOnes && branch === 1
      const made: Node = {
        state: nodes.length,
        depth: node.depth + 1,
        isOnes,
        next: [undefined, undefined],
      }
      nodes.push(made)
      node.next[branch] = made
      node = made
    }
  }
}

function stepFrom(nodes: readonly Node[], from: Node, half: number): number {
  let node = from
  let emitted = 0
  for (let bit = 3; bit >= 0; bit--) {
    const next = node.next[((half >>> bit) & 1) as 0 | 1]
    if (typeof next === 'object') node = next
    else if (next === undefined || next === EOS) return FAILS
    else {
      emitted = EMITS | (next << 8)
      node = nodes[0]!
    }
  }
  const mayEnd = node.isOnes && node.depth <= 7
  return node.state | emitted | (mayEnd ? ENDS : 0)
}

/** The most bytes that `length` bytes of Huffman code can stand for: no code is shorter than 5 bits. */
export function huffmanRoom(length: number): number {
  return Math.ceil((length * 8) / 5)
}

/**
 * Decodes [start, end) to `outStart` of `out`, which must have `huffmanRoom` there. Returns the position behind what was written, or -1 for a code that is
 * none: EOS in it, or an end that is not padded with the beginning of EOS (RFC 7541 section 5.2).
 */
export function decodeHuffman(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  outStart: number,
): number {
  let at = outStart
  let step = ENDS
  for (let from = start; from < end; from++) {
    const byte = bytes[from]!
    step = STEPS[(step & 255) * 16 + (byte >>> 4)]!
    if ((step & EMITS) !== 0) out[at++] = (step >>> 8) & 255
    if ((step & FAILS) !== 0) return -1
    step = STEPS[(step & 255) * 16 + (byte & 15)]!
    if ((step & EMITS) !== 0) out[at++] = (step >>> 8) & 255
    if ((step & FAILS) !== 0) return -1
  }
  return (step & ENDS) === 0 ? -1 : at
}
