import type { RouteRow, TriedRoute } from '../../../src/contracts/try-route.ts'
import { send } from './actions.ts'

export type { RouteRow, TriedPolicy, TriedRoute } from '../../../src/contracts/try-route.ts'

/** A request as somebody imagines it. */
export interface ImaginedRequest {
  readonly method: string
  readonly target: string
  readonly host: string
  /** One `name: value` a line. */
  readonly headers: string
}

/** The HTTP routes, in the order of the file. Throws `ActionError`. */
export async function loadRoutes(): Promise<readonly RouteRow[]> {
  return (await send('GET', '/api/v1/routes')) as readonly RouteRow[]
}

/** Which route the request would take, and why. Nothing is sent. Throws `ActionError`. */
export async function tryRequest(request: ImaginedRequest): Promise<TriedRoute> {
  const { method, target, host } = request
  const query = new URLSearchParams({ method, target, host })
  for (const line of request.headers.split('\n'))
    if (line.trim() !== '') query.append('header', line.trim())
  return (await send('GET', `/api/v1/try?${query.toString()}`)) as TriedRoute
}
