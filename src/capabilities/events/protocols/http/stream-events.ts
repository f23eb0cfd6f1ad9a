import { once } from 'node:events'
import type { FastifyReply } from 'fastify'
import { openEvents } from '../../../../platform/http/events.ts'
import { catchUp } from '../../subscriptions/catch-up.ts'
import { EventsError } from '../../errors.ts'
import type { PageRequest } from '../../store.ts'
import type { Served } from '../served.ts'
import { eventJson } from './event-json.ts'

/** So often a line goes to a client to which nothing else goes: who is in between sees that it lives. */
const ALIVE_MS = 15_000

/** Server-sent events (the WHATWG's format): `id` is where to go on, `event` is event, caught-up, fell-behind or checkpoint. */
export async function streamEvents(
  { store, tail, log }: Served,
  request: PageRequest,
  reply: FastifyReply,
): Promise<void> {
  openEvents(reply)
  const { raw } = reply
  const stop = new AbortController()
  raw.on('close', () => stop.abort())
  // Whoever left while the first page was read closes nothing any more.
  if (raw.destroyed || raw.socket === null || raw.socket.destroyed) stop.abort()
  const stopAlive = store.clock.every(ALIVE_MS, () => {
    if (raw.writableLength === 0) raw.write(': alive\n\n')
  })
  /** A client that does not read is not read for: what waits is one page. */
  const send = async (text: string): Promise<void> => {
    if (raw.write(text)) return
    await once(raw, 'drain', { signal: stop.signal })
  }
  const isStream = request.source.kind === 'stream'
  try {
    const { source, from } = request
    for await (const message of catchUp(store, tail, { source, from, signal: stop.signal })) {
      if (message.kind !== 'events') {
        const id = message.kind === 'checkpoint' ? `id: ${message.position}\n` : ''
        await send(`event: ${message.kind}\n${id}data: ${message.position}\n\n`)
        continue
      }
      const lines = message.events.map((event) => {
        const id = isStream ? event.revision : event.position
        return `id: ${id}\nevent: event\ndata: ${oneLine(eventJson(event))}\n\n`
      })
      await send(lines.join(''))
    }
  } catch (error) {
    if (!stop.signal.aborted) {
      const [code, text] =
        error instanceof EventsError
          ? [error.code, error.message]
          : ['ERR_HTTP_INTERNAL', 'Events cannot be read; the log says why.']
      if (!(error instanceof EventsError)) log('error', 'a subscription has failed', { error })
      raw.write(`event: error\ndata: ${JSON.stringify({ code, detail: text })}\n\n`)
    }
  } finally {
    stopAlive()
    raw.end()
  }
}

/** JSON of other clients may have line breaks between its parts, never within a text: each is blank there. */
function oneLine(json: string): string {
  return /[\r\n]/.test(json) ? json.replaceAll(/[\r\n]/g, ' ') : json
}
