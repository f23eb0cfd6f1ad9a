import type { LogRecord } from '../../../../contracts/signals.ts'
import { emptyFields, readDocument } from '../../../../mechanisms/log-line/document.ts'
import { readLine } from '../../../../mechanisms/log-line/text-line.ts'
import { recordOf, type DecodeGround } from '../draft.ts'

/** Elastic's own names of a service that a document may have besides `service.name`. */
const SERVICES = ['service', 'app', 'application', 'fields.service']

/** A document of an index as a record; the index names the service where the document does not. */
export function recordOfDocument(document: object, index: string, ground: DecodeGround): LogRecord {
  const fields = emptyFields()
  readDocument(document, fields, ground.attributes)
  // A shipper wraps the line of a program: what that says counts where the wrapper says nothing.
  if (fields.severity === 0 && fields.body.startsWith('{'))
    readLine(fields.body, fields, ground.attributes)
  if (fields.service === '') fields.service = serviceIn(document)
  if (index !== '') ground.attributes.addText('index', index)
  const origin = { service: serviceOfIndex(index), instance: '', source: 'elasticsearch' }
  return recordOf(fields, origin, ground)
}

function serviceIn(document: object): string {
  for (const name of SERVICES) {
    const value: unknown = Object.hasOwn(document, name)
      ? (document as Record<string, unknown>)[name]
      : undefined
    if (typeof value === 'string') return value
  }
  return ''
}

/** `logs-nginx.access-default` and `filebeat-8.9.0-2026.11.29` without what is no name of a service. */
function serviceOfIndex(index: string): string {
  const stream = /^(?:logs|metrics|traces)-(.+)-[^-]+$/.exec(index)?.[1]
  return stream ?? index.replace(/-\d{4}[.-]\d\d(?:[.-]\d\d)?$/, '')
}
