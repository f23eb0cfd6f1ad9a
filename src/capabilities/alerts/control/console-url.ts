import type { ListenerBoard } from '../../../platform/listeners/board.ts'

/** Where people reach the console, without a slash at its end: as the file says it, or where its listener is. */
export function consoleUrlOf(
  { url }: { readonly url?: string | undefined },
  listeners: Pick<ListenerBoard, 'views'>,
): string {
  if (url !== undefined) return url.replace(/\/+$/, '')
  const found = listeners.views().find(({ id }) => id === 'console')
  return `http://${found?.address ?? '127.0.0.1:4000'}`
}
