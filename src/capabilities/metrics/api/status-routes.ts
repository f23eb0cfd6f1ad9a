import type { FastifyInstance } from 'fastify'
import { parametersOf } from './forms.ts'
import type { ApiNeeds } from './needs.ts'
import { success } from './query-routes.ts'

/** The version of Prometheus whose API this is: clients ask for it to know what they may use. */
export const PROMETHEUS_VERSION = '3.8.0'
/** Rows of each table of `status/tsdb`. */
const TABLE_ROWS = 10
const TABLE_ROWS_MAX = 10_000

/** Status pages, and what says that we are there. */
export function registerStatus(app: FastifyInstance, needs: ApiNeeds): void {
  app.get('/api/v1/status/buildinfo', () =>
    success({
      version: PROMETHEUS_VERSION,
      revision: 'backplane',
      branch: '',
      buildUser: '',
      buildDate: '',
      goVersion: '',
    }),
  )
  app.get('/api/v1/status/runtimeinfo', () => success(runtimeOf(needs)))
  app.get('/api/v1/status/flags', () => success(flagsOf(needs)))
  app.get('/api/v1/status/config', () => success({ yaml: needs.configuration() }))
  app.get('/api/v1/status/tsdb', (request) => {
    const limit = parametersOf(request).limit()
    return success(statsOf(needs, Math.min(limit === 0 ? TABLE_ROWS : limit, TABLE_ROWS_MAX)))
  })
  app.get('/api/v1/status/walreplay', () => success({ min: 0, max: 0, current: 0, state: 'done' }))
  app.get('/api/v1/alertmanagers', () =>
    success({ activeAlertmanagers: [], droppedAlertmanagers: [] }),
  )
  app.get('/-/healthy', (_request, reply) =>
    reply.type('text/plain').send('Prometheus Server is Healthy.\n'),
  )
  app.get('/-/ready', (_request, reply) =>
    reply.type('text/plain').send('Prometheus Server is Ready.\n'),
  )
}

function runtimeOf({ startedAtMs, store, clock, retentionText }: ApiNeeds): object {
  return {
    startTime: new Date(startedAtMs).toISOString(),
    CWD: store.folder,
    hostname: '',
    serverTime: new Date(clock.nowMs()).toISOString(),
    reloadConfigSuccess: true,
    lastConfigTime: new Date(startedAtMs).toISOString(),
    corruptionCount: store.blocks.bad.length,
    goroutineCount: 0,
    GOMAXPROCS: 0,
    GOMEMLIMIT: 0,
    GOGC: '',
    GODEBUG: '',
    storageRetention: retentionText(),
  }
}

function flagsOf({ limits, retentionText }: ApiNeeds): object {
  const { timeoutMs, samplesMax, lookbackMs } = limits()
  return {
    'query.lookback-delta': `${lookbackMs / 1_000}s`,
    'query.max-samples': String(samplesMax),
    'query.timeout': `${timeoutMs / 1_000}s`,
    'storage.tsdb.retention.time': retentionText(),
    'web.enable-remote-write-receiver': 'true',
  }
}

function statsOf({ store }: ApiNeeds, rows: number): object {
  const { index } = store.series
  const named = (all: readonly { readonly name: string; readonly count: number }[]) =>
    all.map(({ name, count }) => ({ name, value: count }))
  const { minTime, maxTime } = store.head
  return {
    headStats: {
      numSeries: index.seriesCount,
      numLabelPairs: index.pairCount,
      chunkCount: store.head.closedChunks + index.seriesCount,
      minTime: Number.isFinite(minTime) ? minTime : 0,
      maxTime: Number.isFinite(maxTime) ? maxTime : 0,
    },
    seriesCountByMetricName: named(index.seriesCounts('__name__', rows)),
    labelValueCountByLabelName: named(index.valueCounts(rows)),
    memoryInBytesByLabelName: named(index.valueBytes(rows)),
    seriesCountByLabelValuePair: named(index.pairCounts(rows)),
  }
}
