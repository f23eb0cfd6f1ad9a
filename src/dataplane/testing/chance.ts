import { setImmediate as turnOfLoop, setTimeout as sleep } from 'node:timers/promises'

/** Chance that can be repeated: a test prints its seed. */
export interface Chance {
  readonly seed: number
  /** 0 to below `below`, whole. */
  int(below: number): number
  /** True with this probability, 0 to 1. */
  is(probability: number): boolean
  oneOf<T>(values: readonly T[]): T
  /** Lets others go on: some turns of the event loop, now and then some milliseconds. */
  wait(): Promise<void>
  /** Chance of its own for a part of the test, so that the order in which parts ask does not change what they get. */
  fork(): Chance
}

/** The seed of this run: `BACKPLANE_TEST_SEED`, else a new one. */
export function seedOfRun(): number {
  return Number(process.env['BACKPLANE_TEST_SEED'] ?? Date.now() % 1_000_000_000)
}

/** Mulberry32 (Tommy Ettinger, 2017). */
export function createChance(seed: number): Chance {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b_79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const int = (below: number): number => Math.floor(next() * below)
  return {
    seed,
    int,
    is: (probability) => next() < probability,
    oneOf: (values) => values[int(values.length)]!,
    async wait() {
      if (next() < 0.1) return sleep(1 + int(15))
      for (let turns = int(4); turns > 0; turns--) await turnOfLoop()
    },
    fork: () => createChance(int(2 ** 31)),
  }
}
