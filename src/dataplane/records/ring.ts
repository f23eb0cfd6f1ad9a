import type { RequestRecord } from '../../platform/snapshot/messages.ts'
import { createStory, type Story, tellStory } from './story.ts'

/** Finished requests that a worker remembers. */
export const RECENT_REQUESTS_MAX = 4096

/** The newest finished requests of one worker. */
export interface RecordRing {
  /** Keeps `story` and gives back one that may be overwritten, so that nothing is copied or allocated. */
  keep(story: Story): Story
  /**
   * The inner calls of a request carry its id too: the call of the client is the one that is meant, and without it (it
   * is still under way, or another worker has it) the first of them.
   */
  find(requestId: string): RequestRecord | null
  /** Newest first. */
  recent(limit: number, onlyFailed: boolean): RequestRecord[]
}

export function createRecordRing(worker: number, size = RECENT_REQUESTS_MAX): RecordRing {
  const ring: (Story | undefined)[] = Array.from({ length: size }, () => undefined)
  let next = 0

  function* newestFirst(): Generator<Story> {
    for (let back = 1; back <= size; back++) {
      const story = ring[(next - back + size) % size]
      if (story === undefined) return
      yield story
    }
  }

  return {
    keep(story) {
      const old = ring[next]
      ring[next] = story
      next = (next + 1) % size
      return old ?? createStory()
    },
    find(requestId) {
      let first: Story | undefined
      for (const story of newestFirst()) {
        if (story.requestId !== requestId) continue
        first = story
        if (story.caller === '') break
      }
      return first === undefined ? null : tellStory(first, worker)
    },
    recent(limit, onlyFailed) {
      const found: RequestRecord[] = []
      for (const story of newestFirst()) {
        if (found.length >= limit) break
        if (onlyFailed && story.reason === '' && story.status < 500) continue
        found.push(tellStory(story, worker))
      }
      return found
    },
  }
}
