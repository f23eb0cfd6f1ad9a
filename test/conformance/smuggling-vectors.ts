import { chunkVectors } from './vectors/chunks.ts'
import { framingVectors } from './vectors/framing.ts'
import { hopVectors } from './vectors/hops.ts'
import { lineVectors } from './vectors/lines.ts'
import type { SmugglingVector } from './vectors/vector.ts'

/** Byte sequences of the known classes of request smuggling, with what a strict proxy makes of each. Data: several suites run it. */
export const smugglingVectors: readonly SmugglingVector[] = [
  ...framingVectors,
  ...chunkVectors,
  ...lineVectors,
  ...hopVectors,
]
