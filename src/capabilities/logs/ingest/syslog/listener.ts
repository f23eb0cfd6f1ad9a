import type { LogRecord } from '../../../../contracts/signals.ts'
import { severityOfSyslog } from '../../../../mechanisms/log-query/severity.ts'
import { emptyFields } from '../../../../mechanisms/log-line/document.ts'
import { microsOfText } from '../../../../mechanisms/log-line/moments.ts'
import { readLine } from '../../../../mechanisms/log-line/text-line.ts'
import { nextSyslogFrame } from '../../../../mechanisms/syslog/framing.ts'
import { parseSyslog } from '../../../../mechanisms/syslog/parse.ts'
import type { TcpOptions, UdpOptions } from '../../../../platform/listeners/opening.ts'
import { createGround, recordOf, type DecodeGround } from '../draft.ts'
import type { Ingest } from '../ingest.ts'

/** Bytes of one message. */
const MESSAGE_BYTES_MAX = 1024 * 1024
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** What the listener hands over to. */
export interface SyslogNeeds {
  readonly ingest: Ingest
  readonly nowMs: () => number
}

/** Datagrams (RFC 5426): nobody can be told that one was thrown away, so it is counted. */
export function syslogOverUdp(needs: SyslogNeeds): UdpOptions {
  return {
    messageBytesMax: 65_535,
    received: (message) => take(needs, [message.toString('utf8')]),
  }
}

/** A stream (RFC 6587), octet-counted or by lines. */
export function syslogOverTcp(needs: SyslogNeeds): TcpOptions {
  return {
    limits: { messageBytesMax: 2 * MESSAGE_BYTES_MAX },
    received(bytes, connection) {
      const messages: string[] = []
      let at = 0
      for (;;) {
        const frame = nextSyslogFrame(bytes, at, MESSAGE_BYTES_MAX)
        if (frame === 'too-long') {
          connection.end()
          at = bytes.length
          break
        }
        if (frame === undefined) break
        if (frame.end > frame.start) messages.push(bytes.toString('utf8', frame.start, frame.end))
        at = frame.next
      }
      take(needs, messages)
      return at
    },
  }
}

function take({ ingest, nowMs }: SyslogNeeds, messages: readonly string[]): void {
  const atMs = nowMs()
  const ground = createGround(atMs, Infinity)
  const records = messages.map((message) => recordOfMessage(message, atMs, ground))
  // What is thrown away is counted by the ingest; there is nobody to tell.
  void ingest.takeLogs(records, 'forgets').catch(() => {})
}

function recordOfMessage(message: string, nowMs: number, ground: DecodeGround): LogRecord {
  const read = parseSyslog(message)
  const fields = emptyFields()
  readLine(read.text.replace(/[\r\n]+$/, ''), fields, ground.attributes)
  fields.severity = severityOfSyslog(read.severity)
  fields.time = (read.timestamp === '' ? undefined : microsOf(read.timestamp, nowMs)) ?? 0
  const { attributes } = ground
  attributes.addPlain('syslog.facility', read.facility)
  if (read.host !== '') attributes.addText('host.name', read.host)
  if (read.process !== '') attributes.addText('process.pid', read.process)
  if (read.messageId !== '') attributes.addText('syslog.msgid', read.messageId)
  for (const [id, name, value] of read.data) attributes.addText(`${id}.${name}`, value)
  return recordOf(fields, { service: read.app, instance: read.host, source: 'syslog' }, ground)
}

/** RFC 3164 has no year and no zone: UTC, and the year in which it is not in the future. */
function microsOf(text: string, nowMs: number): number | undefined {
  const legacy = /^(\w{3}) ([ \d]\d) (\d\d:\d\d:\d\d)$/.exec(text)
  if (legacy === null) return microsOfText(text)
  const [, month = '', day = '', time = ''] = legacy
  const number = String(MONTHS.indexOf(month) + 1).padStart(2, '0')
  const year = new Date(nowMs).getUTCFullYear()
  const of = (one: number): number | undefined =>
    microsOfText(`${one}-${number}-${day.trim().padStart(2, '0')}T${time}Z`)
  const thisYear = of(year)
  const tomorrow = (nowMs + 86_400_000) * 1_000
  return thisYear !== undefined && thisYear > tomorrow ? of(year - 1) : thisYear
}
