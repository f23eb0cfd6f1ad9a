import type { Reply } from './answers.ts'
import type { Call } from './call.ts'
import { ConsulError } from './errors.ts'

/** What a call does. May throw `ConsulError`; anything else that it throws is a defect of ours. */
export type Run = (call: Call) => Reply

/** One endpoint. */
export interface Route {
  readonly methods: readonly ('GET' | 'PUT' | 'POST' | 'DELETE')[]
  /** Decoded. One that ends with a slash takes all that follows, slashes included, as `call.rest`. */
  readonly path: string
  readonly run: Run
  /** The largest body that it takes; default `BODY_BYTES_MAX`. */
  readonly bodyBytesMax?: number
}

/** A body of a call that says nothing else: Consul's own bound of requests. */
export const BODY_BYTES_MAX = 512 * 1024

/** A call that was found. */
export interface Matched {
  readonly route: Route
  /** Decoded. */
  readonly path: string
  readonly rest: string
}

interface Place {
  readonly path: string
  readonly byMethod: ReadonlyMap<string, Route>
}

/** Finds the route of a request. */
export interface Router {
  /** Throws `ConsulError` 400, 404 and 405. */
  match(method: string, rawPath: string): Matched
  bodyBytesMax(method: string, rawPath: string): number
}

/** Throws `TypeError` for two routes with the same method and path. */
export function createRouter(routes: readonly Route[]): Router {
  const places = new Map<string, Map<string, Route>>()
  for (const route of routes) {
    const byMethod = places.get(route.path) ?? new Map<string, Route>()
    places.set(route.path, byMethod)
    for (const method of route.methods) {
      if (byMethod.has(method)) throw new TypeError(`two routes for ${method} ${route.path}`)
      byMethod.set(method, route)
    }
  }
  const prefixes = [...places]
    .filter(([path]) => path.length > 1 && path.endsWith('/'))
    .map(([path, byMethod]) => ({ path, byMethod }))
    .toSorted((a, b) => b.path.length - a.path.length)
  const placeOf = (path: string): Place | undefined => {
    const exact = places.get(path)
    if (exact !== undefined) return { path, byMethod: exact }
    return prefixes.find((one) => path.startsWith(one.path))
  }
  return {
    match(method, rawPath) {
      const path = decodePath(rawPath)
      const place = placeOf(path)
      if (place === undefined) throw unknownPath()
      const route = place.byMethod.get(method)
      if (route === undefined) throw methodNotAllowed(method, [...place.byMethod.keys()])
      return { route, path, rest: path.slice(place.path.length) }
    },
    bodyBytesMax(method, rawPath) {
      const path = decodedOrEmpty(rawPath)
      return placeOf(path)?.byMethod.get(method)?.bodyBytesMax ?? BODY_BYTES_MAX
    },
  }
}

/** After decoding, so that a key whose slashes are written `%2F` is the same key. */
function decodePath(rawPath: string): string {
  try {
    return decodeURIComponent(rawPath)
  } catch {
    throw new ConsulError(400, 'Bad Request: the path is not UTF-8, percent-encoded')
  }
}

function decodedOrEmpty(rawPath: string): string {
  try {
    return decodePath(rawPath)
  } catch {
    return ''
  }
}

function unknownPath(): ConsulError {
  return new ConsulError(
    404,
    'Invalid URL path: not a recognized HTTP API endpoint.\nBackplane serves the part of the Consul HTTP API that docs/guides/from-consul.md lists.\n',
  )
}

function methodNotAllowed(method: string, allowed: readonly string[]): ConsulError {
  return new ConsulError(405, `method ${method} not allowed`, [['allow', allowed.join(',')]])
}
