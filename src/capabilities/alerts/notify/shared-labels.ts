import type { AlertRecord, Notification } from '../alert-record.ts'

/** Labels, or annotations, that all alerts have alike. */
export function commonOf(
  alerts: readonly AlertRecord[],
  what: 'labels' | 'annotations',
): readonly (readonly [string, string])[] {
  const [first, ...others] = alerts.map((alert) => alert[what])
  if (first === undefined) return []
  const rest = others.map((pairs) => new Map(pairs))
  return first.filter(([name, value]) => rest.every((pairs) => pairs.get(name) === value))
}

/** The page of the console that shows why an alert fires. */
export function sourceUrlOf({ expr }: Pick<AlertRecord, 'expr'>, externalUrl: string): string {
  return `${externalUrl}/#/metrics/${encodeURIComponent(expr)}`
}

/** One line that says what a message is about: `[FIRING:2] QueueDeep shop`. */
export function titleOf({ alerts, groupLabels }: Notification): string {
  const firing = alerts.filter(({ endsAtMs }) => endsAtMs === undefined).length
  const status = firing > 0 ? `FIRING:${firing}` : 'RESOLVED'
  const name = groupLabels.find(([label]) => label === 'alertname')?.[1]
  const others = groupLabels.filter(([label]) => label !== 'alertname').map(([, value]) => value)
  const subject = [name, ...others].filter((part) => part !== undefined && part !== '')
  return `[${status}] ${subject.length === 0 ? 'alerts' : subject.join(' ')}`
}

/** What is to be read of one alert: its summary or description, or its labels. */
export function textOfAlert({ labels, annotations }: AlertRecord): string {
  const said = new Map(annotations)
  const texts = [said.get('summary'), said.get('description'), said.get('message')]
  const text = texts.filter((one) => one !== undefined && one !== '').join('\n')
  if (text !== '') return text
  return labels.map(([name, value]) => `${name}=${value}`).join(' ')
}
