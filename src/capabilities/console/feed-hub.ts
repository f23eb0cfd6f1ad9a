import type { ServerResponse } from 'node:http'
import type {
  ListenerView,
  FeedMessage,
  Picture,
  ProblemView,
  ServiceView,
  Tick,
} from '../../contracts/feed.ts'
import { eventOf } from '../../platform/http/events.ts'

/** Consoles that may be open at the same time. */
export const SUBSCRIBERS_MAX = 100
/** Bytes that may wait for one console; beyond it the backlog is dropped and it gets a fresh picture. */
export const BACKLOG_BYTES_MAX = 1024 * 1024

/** What the picture is made of, as it is now. */
export interface PictureParts {
  readonly listeners: readonly ListenerView[]
  readonly services: readonly ServiceView[]
  readonly problems: readonly ProblemView[]
}

/** Sends each console the picture, then what differs from what it has. */
export interface FeedHub {
  /** No further console can be served. */
  readonly isFull: boolean
  /** Does nothing when it is full. */
  subscribe(response: ServerResponse): void
  /** Compares with what was sent last and sends the difference. */
  update(parts: PictureParts): void
  tick(tick: Tick): void
  /** Sends everybody a fresh picture. */
  renew(): void
  readonly subscriberCount: number
  close(): void
}

interface Subscriber {
  readonly response: ServerResponse
  isBehind: boolean
}

export function createFeedHub(pictureNow: () => Picture): FeedHub {
  const subscribers = new Set<Subscriber>()
  const sentServices = new Map<string, string>()
  let sentListeners = ''
  let sentProblems = ''

  function broadcast(message: FeedMessage): void {
    if (subscribers.size === 0) return
    const text = eventOf(message)
    for (const subscriber of subscribers) {
      if (subscriber.isBehind) continue
      if (subscriber.response.writableLength > BACKLOG_BYTES_MAX) subscriber.isBehind = true
      else subscriber.response.write(text)
    }
  }

  function catchUp(subscriber: Subscriber): void {
    if (!subscriber.isBehind) return
    subscriber.isBehind = false
    subscriber.response.write(eventOf({ type: 'picture', picture: pictureNow() }))
  }

  function update({ listeners, services, problems }: PictureParts): void {
    const changed = services.filter((service) => {
      const text = JSON.stringify(service)
      if (sentServices.get(service.name) === text) return false
      sentServices.set(service.name, text)
      return true
    })
    const names = new Set(services.map((service) => service.name))
    const gone = [...sentServices.keys()].filter((name) => !names.has(name))
    for (const name of gone) sentServices.delete(name)
    if (changed.length > 0 || gone.length > 0) broadcast({ type: 'services', changed, gone })
    const listenersText = JSON.stringify(listeners)
    if (listenersText !== sentListeners) {
      sentListeners = listenersText
      broadcast({ type: 'listeners', listeners })
    }
    const problemsText = JSON.stringify(problems)
    if (problemsText !== sentProblems) {
      sentProblems = problemsText
      broadcast({ type: 'problems', problems })
    }
  }

  return {
    get isFull() {
      return subscribers.size >= SUBSCRIBERS_MAX
    },
    subscribe(response) {
      if (subscribers.size >= SUBSCRIBERS_MAX) return
      // What the others were sent last becomes what this one is sent first, so that no difference is missed.
      update(pictureNow())
      const subscriber: Subscriber = { response, isBehind: true }
      subscribers.add(subscriber)
      response.on('drain', () => catchUp(subscriber))
      response.on('close', () => subscribers.delete(subscriber))
      catchUp(subscriber)
    },
    update,
    tick: (tick) => broadcast({ type: 'tick', tick }),
    renew: () => broadcast({ type: 'picture', picture: pictureNow() }),
    get subscriberCount() {
      return subscribers.size
    },
    close() {
      for (const { response } of subscribers) response.end()
      subscribers.clear()
    },
  }
}
