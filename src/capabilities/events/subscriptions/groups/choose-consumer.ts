import type { Strategy } from './group-model.ts'

/** A consumer as far as it is chosen. */
export interface Candidate {
  readonly number: number
  readonly isFree: boolean
}

/**
 * Who gets an event of this key; undefined: it waits, others may go on. `last` is the number of the one who got the last event.
 */
export function chooseConsumer<One extends Candidate>(
  strategy: Strategy,
  consumers: readonly One[],
  key: string,
  last: number,
): One | undefined {
  switch (strategy) {
    case 'RoundRobin':
    case 'Ordered': {
      const free = consumers.filter(({ isFree }) => isFree)
      return free.find(({ number }) => number > last) ?? free[0]
    }
    case 'DispatchToSingle':
      return consumers.find(({ isFree }) => isFree)
    case 'Pinned':
    case 'PinnedByCorrelation': {
      const pinned = highestWeight(consumers, key)
      return pinned?.isFree === true ? pinned : undefined
    }
  }
}

/** Rendezvous hashing: who comes or goes moves only the keys that are its own. */
function highestWeight<One extends Candidate>(
  consumers: readonly One[],
  key: string,
): One | undefined {
  let best: One | undefined
  let highest = -1
  for (const consumer of consumers) {
    const weight = hashOf(`${consumer.number} ${key}`)
    if (weight <= highest) continue
    highest = weight
    best = consumer
  }
  return best
}

/** FNV-1a, and a finish that spreads what is alike. */
function hashOf(text: string): number {
  let hash = 2_166_136_261
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 16_777_619)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 2_246_822_507)
  hash = Math.imul(hash ^ (hash >>> 13), 3_266_489_909)
  return (hash ^ (hash >>> 16)) >>> 0
}
