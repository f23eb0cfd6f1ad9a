import type { FieldChanges, FieldLines, HeadersSpec } from '../../contracts/policies.ts'
import { formatLine } from '../../mechanisms/http1/answer.ts'
import type { Policy } from './policy.ts'

/** Sets, adds and removes fields. All of it is known beforehand, so a request costs nothing but the bytes. */
export function compileHeaders({ request, response }: HeadersSpec): Policy {
  return {
    kind: 'headers',
    dropsRequestFields: dropsOf(request),
    dropsResponseFields: dropsOf(response),
    fixedRequestLines: formatLines([...request.set, ...request.add]),
    fixedResponseLines: formatLines([...response.set, ...response.add]),
  }
}

function dropsOf({ set, remove }: FieldChanges): readonly string[] {
  return [...set.map(([name]) => name), ...remove]
}

/** Lines with CR LF. @throws RangeError for what no field may have. */
export function formatLines(lines: FieldLines): string {
  return lines.map(([name, value]) => formatLine(name, value)).join('')
}
