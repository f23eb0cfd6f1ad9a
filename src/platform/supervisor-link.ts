import type {
  FromSupervisor,
  OwnProcess,
  OutputLine,
  ProcessStatus,
  ToSupervisor,
} from '../contracts/supervisor.ts'

/** Control's end of the IPC channel to the supervisor. */
export interface SupervisorLink {
  /** Everything that ran when this control plane started; resolves once. */
  readonly hello: Promise<Extract<FromSupervisor, { type: 'hello' }>>
  /** What the supervisor says of control and data. */
  own(): readonly OwnProcess[]
  send(message: ToSupervisor): void
  onProcesses(listener: (changed: readonly ProcessStatus[]) => void): void
  onReload(listener: () => void): void
  /** Nothing may be changed any more. */
  onStopping(listener: () => void): void
  /** Calls back with each batch of lines until the returned function is called. The next batch comes when the promise has settled. */
  follow(
    what: Followed,
    tail: number,
    onLines: (lines: readonly OutputLine[], dropped: number) => void | Promise<void>,
  ): () => void
}

/** Whose output is followed. */
export interface Followed {
  /** Ids of processes. */
  readonly processes: readonly string[]
  /** Services whose ended instances are looked at, too. */
  readonly former?: readonly string[]
}

/** `port` is `process` of a child with an IPC channel. */
export interface IpcPort {
  send?(message: unknown): unknown
  on(event: 'message', listener: (message: unknown) => void): unknown
}

export function openSupervisorLink(port: IpcPort): SupervisorLink {
  const hello = Promise.withResolvers<Extract<FromSupervisor, { type: 'hello' }>>()
  const processListeners: ((changed: readonly ProcessStatus[]) => void)[] = []
  const reloadListeners: (() => void)[] = []
  const stoppingListeners: (() => void)[] = []
  const followers = new Map<
    number,
    (lines: readonly OutputLine[], dropped: number) => void | Promise<void>
  >()
  let own: readonly OwnProcess[] = []
  let lastSubscription = 0

  function send(message: ToSupervisor): void {
    port.send?.(message)
  }

  async function deliver(message: Extract<FromSupervisor, { type: 'output' }>): Promise<void> {
    try {
      await followers.get(message.subscription)?.(message.lines, message.dropped)
    } finally {
      if (followers.has(message.subscription)) {
        send({ type: 'output-seen', subscription: message.subscription })
      }
    }
  }

  function receive(message: FromSupervisor): void {
    switch (message.type) {
      case 'hello':
        own = message.own
        return hello.resolve(message)
      case 'events':
        own = message.own
        for (const listener of processListeners) listener(message.processes)
        return send({ type: 'events-seen' })
      case 'output':
        void deliver(message)
        return
      case 'reload':
        for (const listener of reloadListeners) listener()
        return
      case 'stopping':
        for (const listener of stoppingListeners) listener()
        return
    }
  }

  port.on('message', (message) => receive(message as FromSupervisor))
  return {
    hello: hello.promise,
    own: () => own,
    send,
    onProcesses: (listener) => void processListeners.push(listener),
    onReload: (listener) => void reloadListeners.push(listener),
    onStopping: (listener) => void stoppingListeners.push(listener),
    follow(what, tail, onLines) {
      const subscription = ++lastSubscription
      followers.set(subscription, onLines)
      send({ type: 'follow', subscription, ...what, tail })
      return () => {
        if (followers.delete(subscription)) send({ type: 'unfollow', subscription })
      }
    },
  }
}
