import { request, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import type { RouteModule } from '../../capability.ts'
import { createListenerApp, openListener } from '../listener.ts'

/** Serves some routes on a free port of loopback until the test ends. */
export async function serveRoutes(t: TestContext, routes: readonly RouteModule[]) {
  const options = { name: 'console', host: '127.0.0.1', port: 0, hosts: [], token: undefined }
  const app = createListenerApp({ ...options, log: () => {} })
  for (const register of routes) register(app)
  const listener = await openListener(app, { ...options, log: () => {} })
  t.after(() => listener.close())
  const open = (path: string, method = 'GET', body?: object) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-type': 'application/json' }
      request({ port: listener.port, path, method, headers, agent: false }, resolve)
        .on('error', reject)
        .end(body === undefined ? undefined : JSON.stringify(body))
    })
  const call = async (path: string, method = 'GET', body?: object) => {
    const response = await open(path, method, body)
    return { status: response.statusCode, headers: response.headers, text: await text(response) }
  }
  return { open, call }
}
