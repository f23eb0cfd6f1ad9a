/** What came, in order, and a way to wait for what has not come yet. */
export interface Inbox<Item> {
  readonly items: readonly Item[]
  push(item: Item): void
  /** Calls back with what is there and with what comes. */
  onEach(listener: (item: Item) => void): void
  /** The first item from number `from` on that fits. Fails after 10 s, with what came instead. */
  find<Found extends Item>(fits: (item: Item) => item is Found, from?: number): Promise<Found>
  find(fits: (item: Item) => boolean, from?: number): Promise<Item>
}

const WAIT_MS = 10_000

export function createInbox<Item>(name: string): Inbox<Item> {
  const items: Item[] = []
  const waiting = new Set<() => void>()
  const listeners: ((item: Item) => void)[] = []
  return {
    items,
    push(item) {
      items.push(item)
      for (const listener of listeners) listener(item)
      for (const look of waiting) look()
    },
    onEach(listener) {
      listeners.push(listener)
      for (const item of items) listener(item)
    },
    async find(fits: (item: Item) => boolean, from = 0): Promise<never> {
      const { promise, resolve, reject } = Promise.withResolvers<Item>()
      const look = (): void => {
        const found = items.find((item, index) => index >= from && fits(item))
        if (found !== undefined) resolve(found)
      }
      const timer = setTimeout(() => {
        const seen = JSON.stringify(items.slice(-5)).slice(-2_000)
        reject(new Error(`${name}: not within ${WAIT_MS} ms; the last that came: ${seen}`))
      }, WAIT_MS)
      waiting.add(look)
      look()
      try {
        return (await promise) as never
      } finally {
        clearTimeout(timer)
        waiting.delete(look)
      }
    },
  }
}
