import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Parameters } from './parameters.ts'

/** Bytes of a form. */
const FORM_BYTES_MAX = 10 * 1024 * 1024

/** Bodies are taken as bytes whatever they are called: clients post empty ones as JSON. */
export function takeAnyBody(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    '*',
    { parseAs: 'buffer', bodyLimit: FORM_BYTES_MAX },
    (_request, body, done) => done(null, body),
  )
}

/** The parameters of a request: those of its form count before those of its URL. */
export function parametersOf(request: FastifyRequest): Parameters {
  const type = request.headers['content-type'] ?? ''
  const isForm = type.startsWith('application/x-www-form-urlencoded')
  const form = isForm && Buffer.isBuffer(request.body) ? request.body.toString('utf8') : ''
  return new Parameters(request.url, form)
}
