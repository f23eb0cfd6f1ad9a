import type { FastifyReply } from 'fastify'

/** One Server-Sent Event. JSON has no line breaks outside of escapes. */
export function eventOf(message: unknown): string {
  return `data: ${JSON.stringify(message)}\n\n`
}

/** The answer becomes a stream of events; from here on `reply.raw` is written to. What must refuse the request does so before. */
export function openEvents(reply: FastifyReply): void {
  reply.hijack()
  reply.raw.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  reply.raw.flushHeaders()
}
