import { startBackplane } from '../harness/backplane.ts'
import type { RunningProxy } from '../smuggling/judge.ts'
import { smugglingSuite } from '../smuggling/suite.ts'

/** The whole program with one route to one upstream, which is never left out. */
async function startProxy(upstreamPort: number): Promise<RunningProxy> {
  const backplane = await startBackplane({
    config: `
name: smuggling
listen: { default: off, gateway: 0, console: 0 }
services:
  upstream:
    at: ["127.0.0.1:${upstreamPort}"]
    health: { interval: 1h }
    resilience: { ejection: { failures: 0 } }
gateway:
  hosts: ["*"]
  routes: [{ path: /**, to: upstream }]
`,
  })
  return {
    port: Number(new URL(backplane.gateway).port),
    async stop() {
      await backplane[Symbol.asyncDispose]()
    },
  }
}

/** Paths that the router calls ambiguous, and "*", which no route has: the gateway's own answers. */
const ownAnswers = {
  'target-opaque': 400,
  'target-options-asterisk': 204,
  'target-options-absolute': 204,
}

smugglingSuite('backplane', startProxy, ownAnswers)
