import type { Clock } from '../../../platform/capability.ts'
import type { ListenerBoard } from '../../../platform/listeners/board.ts'
import { SEVERITY } from '../../../mechanisms/log-query/severity.ts'
import type { SignalsStore } from '../store/store.ts'
import { elasticsearchOverHttp } from './elasticsearch/http.ts'
import { lumberjackOverTcp } from './lumberjack/listener.ts'
import { lokiOverHttp } from './loki/http.ts'
import { DECOMPRESSING_MAX, type OtlpNeeds } from './otlp/exporter.ts'
import { otlpOverGrpc } from './otlp/grpc.ts'
import { otlpOverHttp, type OtlpGuard } from './otlp/http.ts'
import { splunkOverHttp } from './splunk/http.ts'
import { syslogOverTcp, syslogOverUdp } from './syslog/listener.ts'
import { Turns } from './turns.ts'
import { zipkinOverHttp } from './zipkin/http.ts'

/** What all of them hand over to. */
export interface ListenerNeeds extends Omit<OtlpNeeds, 'turns'> {
  readonly store: SignalsStore
}

/** Opens every protocol that takes logs and traces, each as the file says. Returns what closes them. */
export async function openLogListeners(
  board: ListenerBoard,
  told: ListenerNeeds,
  guard: OtlpGuard,
  clock: Clock,
): Promise<(() => Promise<void>)[]> {
  const needs = { ...told, turns: new Turns(DECOMPRESSING_MAX) }
  const isHealthy = (): boolean => needs.store.takes(SEVERITY.error)
  const opened = [
    await board.lean('otlp-http', otlpOverHttp(needs, guard)),
    await board.tcp('otlp-grpc', otlpOverGrpc(needs, guard.token, clock)),
    await board.lean('elasticsearch', elasticsearchOverHttp(needs, guard)),
    await board.lean('loki', lokiOverHttp(needs, guard)),
    await board.lean('splunk', splunkOverHttp({ ...needs, isHealthy }, guard)),
    await board.lean('zipkin', zipkinOverHttp(needs, guard)),
    await board.tcp('beats', lumberjackOverTcp(needs)),
    await board.udpAndTcp('syslog', syslogOverUdp(needs), syslogOverTcp(needs)),
  ]
  return opened.flatMap((one) => (one === undefined ? [] : [() => one.close()]))
}
