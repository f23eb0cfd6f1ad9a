/** Knows when the last worker has finished with a removed instance. */
export interface Drains {
  /** The instance was removed. */
  expect(service: string, id: string): void
  /** It is back before it was drained. */
  cancel(service: string, id: string): void
  report(worker: number, service: string, id: string): void
  /** A dead worker has nothing in flight. */
  lost(worker: number): void
}

/** `drained` is called once for each removed instance, when every worker has reported it. */
export function createDrains(
  workers: number,
  drained: (service: string, id: string) => void,
): Drains {
  const open = new Map<
    string,
    { readonly service: string; readonly id: string; readonly waiting: Set<number> }
  >()
  const keyOf = (service: string, id: string): string => `${service}\n${id}`

  function take(key: string, worker: number): void {
    const entry = open.get(key)
    if (entry === undefined) return
    entry.waiting.delete(worker)
    if (entry.waiting.size > 0) return
    open.delete(key)
    drained(entry.service, entry.id)
  }

  return {
    expect(service, id) {
      const waiting = new Set(Array.from({ length: workers }, (_, index) => index))
      open.set(keyOf(service, id), { service, id, waiting })
    },
    cancel: (service, id) => void open.delete(keyOf(service, id)),
    report: (worker, service, id) => take(keyOf(service, id), worker),
    lost(worker) {
      for (const key of open.keys()) take(key, worker)
    },
  }
}
