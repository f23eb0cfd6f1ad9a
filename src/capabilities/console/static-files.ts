import type { FastifyInstance } from 'fastify'
import { readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'

/** Only what the console's build makes; a name is one folder level at most and never begins with a dot. */
const ASSET = /^assets\/[A-Za-z0-9_-][A-Za-z0-9._-]{0,200}$/

const types: ReadonlyMap<string, string> = new Map([
  ['.html', 'text/html; charset=utf-8'],
  ['.js', 'text/javascript; charset=utf-8'],
  ['.css', 'text/css; charset=utf-8'],
  ['.svg', 'image/svg+xml'],
  ['.png', 'image/png'],
  ['.woff2', 'font/woff2'],
  ['.json', 'application/json'],
])

/** React Flow sets styles on elements; everything else comes from this listener. */
export const CONTENT_SECURITY_POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

const missing = `<!doctype html><meta charset="utf-8"><title>Backplane</title>
<p>The console has not been built. Run <code>npm run build:console</code> in the checkout. The admin API works: <a href="/openapi.json">/openapi.json</a></p>`

/** Serves the built console: `index.html` for each of its pages, hashed assets for a year. */
export function serveConsole(app: FastifyInstance, folder: string): void {
  app.get<{ Params: { '*': string } }>('/assets/*', async (request, reply) => {
    const name = `assets/${request.params['*']}`
    const content = ASSET.test(name) ? await read(join(folder, name)) : undefined
    if (content === undefined) return reply.callNotFound()
    return reply
      .header('content-type', types.get(extname(name)) ?? 'application/octet-stream')
      .header('cache-control', 'public, max-age=31536000, immutable')
      .send(content)
  })
  for (const page of ['/', '/services/*', '/requests', '/requests/*', '/listeners', '/config']) {
    app.get(page, async (_request, reply) => {
      const content = await read(join(folder, 'index.html'))
      return reply
        .header('content-type', 'text/html; charset=utf-8')
        .header('cache-control', 'no-cache')
        .header('content-security-policy', CONTENT_SECURITY_POLICY)
        .header('referrer-policy', 'no-referrer')
        .send(content ?? missing)
    })
  }
}

async function read(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch {
    return undefined
  }
}
