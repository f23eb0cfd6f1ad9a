import type { ReactNode } from 'react'
import { levelOf } from '../../../../src/mechanisms/log-query/severity.ts'
import type { Found } from '../../api/logs.ts'
import { formatDay, formatLatency, formatTime } from '../../format.ts'
import { hrefOf } from '../../route.ts'

/** Everything of one record, each value with a way to ask for it or to leave it out. */
export function FoundDetail(props: {
  readonly row: Found
  readonly onTerm: (field: string, value: string, isNot: boolean) => void
  readonly onClose: () => void
}): ReactNode {
  const { row, onTerm, onClose } = props
  return (
    <aside className="found-detail" aria-label="One record" data-testid="log-detail">
      <div className="panel-head">
        <h2>
          {formatDay(row.time / 1_000)} {formatTime(row.time / 1_000)}
        </h2>
        {row.trace !== '' && (
          <a href={hrefOf({ page: 'trace', trace: row.trace })} data-testid="log-trace">
            Its trace
          </a>
        )}
        <button type="button" className="button small" onClick={onClose}>
          Close
        </button>
      </div>
      <pre className="found-text">{row.body ?? row.name}</pre>
      {(row.events ?? []).length > 0 && (
        <ul className="found-events" aria-label="Events">
          {(row.events ?? []).map((event) => (
            <li key={`${event.time} ${event.name}`}>
              {formatTime(event.time / 1_000)} <strong>{event.name}</strong>{' '}
              <code>{JSON.stringify(event.attributes)}</code>
            </li>
          ))}
        </ul>
      )}
      <table className="found-fields">
        <tbody>
          {fieldsOf(row).map(([name, value]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td className="mono">{value}</td>
              <td hidden={name === TOOK}>
                <button
                  type="button"
                  className="button small"
                  aria-label={`Only ${name} ${value}`}
                  onClick={() => onTerm(name, value, false)}
                >
                  +
                </button>{' '}
                <button
                  type="button"
                  className="button small"
                  aria-label={`Not ${name} ${value}`}
                  onClick={() => onTerm(name, value, true)}
                >
                  −
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </aside>
  )
}

/** Shown as people read it; searches ask for `duration`. */
const TOOK = 'took'

function fieldsOf(row: Found): readonly (readonly [string, string])[] {
  const level = row.severity === undefined ? '' : levelOf(row.severity)
  const columns: readonly (readonly [string, string | undefined])[] = [
    ['level', level],
    ['service', row.service],
    ['instance', row.instance],
    ['source', row.source],
    ['kind', row.kind],
    ['status', row.status],
    ['message', row.message],
    [TOOK, row.duration === undefined ? '' : formatLatency(row.duration / 1e6)],
    ['trace', row.trace],
    ['span', row.span],
    ['parent', row.parent],
  ]
  const attributes = Object.entries(row.attributes).map(
    ([name, value]): readonly [string, string] => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ],
  )
  return [
    ...columns.filter(
      (one): one is readonly [string, string] => one[1] !== undefined && one[1] !== '',
    ),
    ...attributes,
  ]
}
