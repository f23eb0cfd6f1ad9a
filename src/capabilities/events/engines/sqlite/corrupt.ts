/** An event whose bytes are not those that were written. */
export class CorruptEventError extends Error {
  override readonly name = 'CorruptEventError'
  readonly code = 'ERR_EVENTS_CORRUPT'

  constructor(stream: string, revision: number, position: number) {
    super(
      `The event ${revision}@${stream} at position ${position} is damaged: its check sum is another one. Everything before and behind it can be read; restore it from a backup.`,
    )
  }
}
