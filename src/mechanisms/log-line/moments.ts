/** Unix microseconds that the store can hold: 1970 to 2255. */
export const MICROS_MAX = Number.MAX_SAFE_INTEGER

/** A moment within what can be held; one outside of it is `otherwise`. */
export function clampMicros(micros: number, otherwise: number): number {
  return Number.isFinite(micros) && micros >= 0 && micros <= MICROS_MAX
    ? Math.floor(micros)
    : otherwise
}

/** Microseconds of a number of seconds, milliseconds, microseconds or nanoseconds since 1970: which one its size says. */
export function microsOfNumber(value: number): number | undefined {
  if (!Number.isFinite(value) || value <= 0) return undefined
  if (value < 1e11) return Math.round(value * 1e6)
  if (value < 1e14) return Math.round(value * 1e3)
  if (value < 1e17) return Math.round(value)
  return Math.round(value / 1e3)
}

/** Microseconds of a time as programs write it: RFC 3339, `2026-11-29 19:00:00,123`, or a number. Without a zone it is UTC. */
export function microsOfText(text: string): number | undefined {
  if (/^\d{9,19}(?:\.\d+)?$/.test(text)) return microsOfNumber(Number(text))
  const parts =
    /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?\s?(Z|UTC|[+-]\d\d:?\d\d)?$/i.exec(
      text,
    )
  if (parts === null) return undefined
  const [, date, time = '', fraction = '', zone = 'Z'] = parts
  const seconds = time.length === 5 ? `${time}:00` : time
  const at = /^(?:UTC|Z)$/i.test(zone) ? 'Z' : zone.replace(/^(...)(\d\d)$/, '$1:$2')
  const ms = Date.parse(`${date}T${seconds}${at}`)
  if (Number.isNaN(ms)) return undefined
  return ms * 1_000 + Number(fraction.padEnd(6, '0').slice(0, 6))
}
