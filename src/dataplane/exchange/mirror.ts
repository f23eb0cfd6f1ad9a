import { MirrorRequest, type MirrorSource } from '../client/mirror-request.ts'
import type { ExchangeContext } from './context.ts'
import type { Exchange } from './exchange.ts'

/** Copies under way at a time, a worker; more are not sent, and counted. */
export const MIRRORED_MAX = 64

/**
 * The request is over: its copy goes to another service, in a turn of its own, as it was sent to the instance. A request that did not fit into memory, or that was
 * never sent, has none.
 */
export function mirrorRequest(ctx: ExchangeContext, exchange: Exchange): void {
  const { mirrorTo, isReplayable, outEnd, headEnd, route, isUpgrade } = exchange
  if (!isReplayable || outEnd === 0 || isUpgrade || route === null) return
  if (exchange.client.body.isDone === false) return
  if (ctx.mirrors.count >= MIRRORED_MAX) return ctx.totals.countLimited('mirror')
  const { out } = exchange
  // Its head ends with an empty line; how often it was tried stands before that, and is said by the copy's own attempts.
  const bytes = Buffer.concat([
    out.subarray(0, headEnd),
    out.subarray(headEnd + exchange.triesLineLength, outEnd),
  ])
  const source: MirrorSource = {
    service: mirrorTo,
    edge: ctx.totals.edge('', route.spec.id, mirrorTo),
    address: exchange.client.peer.address,
    bytes,
  }
  ctx.mirrors.count++
  const request = new MirrorRequest<Exchange>(source, () => void ctx.mirrors.count--)
  ctx.turns.schedule({
    isScheduled: false,
    runTurn: () => request.start(ctx, ctx.clientEvents),
  })
}
