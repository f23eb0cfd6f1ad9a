import type { ListenerView, InstanceView, ProblemView, ServiceView } from '../contracts/feed.ts'

/** The part of the picture that `status` and the table at the start show. */
export interface StatusParts {
  readonly name: string
  readonly listeners: readonly ListenerView[]
  readonly services: readonly ServiceView[]
  readonly problems: readonly ProblemView[]
}

/** Rows as aligned columns, two spaces between. */
export function formatColumns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows) {
    row.forEach((cell, at) => (widths[at] = Math.max(widths[at] ?? 0, cell.length)))
  }
  return rows.map((row) =>
    row
      .map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
}

/** Every service, instance and open listener, and what is wrong, as plain text. */
export function formatStatus(status: StatusParts): string {
  // What stands below "wrong" is not said twice.
  const told = new Set(status.problems.map((one) => one.text))
  const services = status.services.flatMap((service) => [
    [
      service.name,
      service.state,
      countText(service),
      told.has(service.reason) ? '' : service.reason,
    ],
    ...service.instances.map((one) => [
      `  ${one.id}`,
      instanceState(one),
      one.address,
      processText(one),
    ]),
  ])
  const outbound = status.listeners.filter((listener) => listener.kind === 'outbound')
  const outside = status.listeners.filter((listener) => listener.kind !== 'outbound')
  const listeners = outside.map((listener) => [
    listener.id,
    listener.error === ''
      ? listener.url
      : listener.error === 'off'
        ? 'off'
        : `closed: ${listener.error}`,
  ])
  const closedOutbound = outbound.filter((listener) => listener.error !== '').length
  const outboundRow =
    outbound.length === 0
      ? []
      : [
          [
            'outbound',
            `${outbound.length - closedOutbound} of ${outbound.length} listeners between services are open`,
          ],
        ]
  const problems = status.problems.map(
    (one) => `  ${one.severity} ${one.code}: ${one.text.trimEnd().replaceAll('\n', '\n    ')}`,
  )
  return [
    status.name,
    '',
    ...formatColumns(services.length === 0 ? [['no services yet']] : services),
    '',
    ...formatColumns([...listeners, ...outboundRow]),
    ...(problems.length === 0 ? [] : ['', 'wrong:', ...problems]),
    '',
  ].join('\n')
}

function countText(service: ServiceView): string {
  if (service.kind === 'task') return 'task'
  return `${service.routableCount} of ${service.wanted}`
}

function instanceState(instance: InstanceView): string {
  if (instance.health === 'draining') return 'draining'
  if (instance.isRoutable) return 'routable'
  const state = instance.process?.state
  if (state !== undefined && state !== 'running') return state
  return instance.health
}

function processText(instance: InstanceView): string {
  const { process } = instance
  if (process === null) return ''
  const parts = [
    process.pid === 0 ? '' : `pid ${process.pid}`,
    process.restarts === 0
      ? ''
      : `restarted ${process.restarts === 1 ? 'once' : `${process.restarts} times`}`,
    // Why one could not be started is a long sentence, and is the problem of its service.
    process.state === 'failed' ? '' : process.exit,
  ]
  return parts.filter(Boolean).join(', ')
}
