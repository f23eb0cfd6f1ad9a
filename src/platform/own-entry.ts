/**
 * What a map says of a name that comes from outside. A plain object answers for `constructor` and `toString` too, which
 * nobody put there; this asks only for what was.
 */
export function ownEntry<Value>(
  map: Readonly<Record<string, Value>>,
  name: string,
): Value | undefined {
  return Object.hasOwn(map, name) ? map[name] : undefined
}
