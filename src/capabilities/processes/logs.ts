import type { ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { OutputLine } from '../../contracts/supervisor.ts'
import type { Clock } from '../../platform/capability.ts'
import { eventOf, openEvents } from '../../platform/http/events.ts'
import { isOn, switchSchema, type Switch } from '../../platform/http/switch.ts'
import { ProblemError } from '../../platform/problem.ts'
import type { Processes } from './api.ts'
import type { OutputNeed } from './needs.ts'
import { serviceUnknown } from './service-unknown.ts'

/** Lines of output that one answer may begin with. */
export const LOG_TAIL_MAX = 10_000
/** After a batch that may have been cut: nothing for this long was all. */
const LOG_QUIET_MS = 250
/** Readers that may follow output at the same time. */
export const LOG_FOLLOWERS_MAX = 100

/** Services and instances that one reader may name. */
const LOG_NAMES_MAX = 100

interface Reading {
  readonly tail: number
  readonly follow: Switch
  /** Only what ended instances have printed. */
  readonly previous: Switch
}

type LogProcesses = Pick<Processes, 'services' | 'service' | 'onChange'>

interface ServiceParams {
  Params: { service: string }
}
const serviceParams = {
  type: 'object',
  required: ['service'],
  properties: { service: { type: 'string', maxLength: 63 } },
} as const

/** The output of services, as Server-Sent Events. */
export function registerLogRoutes(
  app: FastifyInstance,
  processes: LogProcesses,
  output: OutputNeed,
  clock: Clock,
): void {
  let followers = 0
  const reading = {
    tail: { type: 'integer', minimum: 0, maximum: LOG_TAIL_MAX, default: 200 },
    follow: switchSchema,
    previous: switchSchema,
  } as const
  app.get<{ Querystring: Reading & { service?: readonly string[] } }>(
    '/api/v1/logs',
    {
      schema: {
        summary:
          'Server-Sent Events with the output of some services or instances, or of all. previous=1: only of instances that have ended.',
        querystring: {
          type: 'object',
          properties: {
            service: {
              type: 'array',
              maxItems: LOG_NAMES_MAX,
              items: { type: 'string', maxLength: 80 },
            },
            ...reading,
          },
        },
      },
    },
    (request, reply) => stream(request.query.service, request.query, reply),
  )
  app.get<ServiceParams & { Querystring: Reading }>(
    '/api/v1/services/:service/logs',
    {
      schema: {
        summary:
          'Server-Sent Events: the last lines of output, those of ended instances too, then (follow=1) each new one.',
        params: serviceParams,
        querystring: { type: 'object', properties: reading },
      },
    },
    (request, reply) => stream([request.params.service], request.query, reply),
  )

  function stream(
    names: readonly string[] | undefined,
    { tail, follow, previous }: Reading,
    reply: FastifyReply,
  ): void {
    const isPrevious = isOn(previous)
    const found = findLogs(names, processes)
    const ids = new Set(isPrevious ? [] : found.ids())
    if (followers >= LOG_FOLLOWERS_MAX) {
      throw new ProblemError(
        503,
        'ERR_HTTP_TOO_MANY_FOLLOWERS',
        `${LOG_FOLLOWERS_MAX} readers follow output already.`,
      )
    }
    followers++
    openEvents(reply)
    const { raw } = reply
    let left = tail
    let cancelQuiet = (): void => {}
    const deliver = async (lines: readonly OutputLine[], dropped: number): Promise<void> => {
      cancelQuiet()
      const isFull = lines.length + dropped > 0 && !raw.write(eventOf({ lines, dropped }))
      // The next batch is asked for only when this reader has taken the last one.
      if (isFull) await drained(raw)
      if (isOn(follow) && !isPrevious) return
      left -= lines.length
      if (left <= 0 || !isCut(lines)) raw.end()
      else cancelQuiet = clock.after(LOG_QUIET_MS, () => raw.end())
    }
    const stops = [output.follow({ processes: [...ids], former: found.formerOf }, tail, deliver)]
    if (isOn(follow) && !isPrevious) stops.push(processes.onChange(followNew))
    raw.on('close', () => {
      followers--
      cancelQuiet()
      for (const stop of stops) stop()
    })

    /** Instances that come later (a restart, a scale) are followed from their first line. */
    function followNew(): void {
      const fresh = found.ids().filter((id) => !ids.has(id))
      for (const id of fresh) ids.add(id)
      if (fresh.length > 0) stops.push(output.follow({ processes: fresh }, LOG_TAIL_MAX, deliver))
    }
  }
}

/** The supervisor cuts its batches at 1,000 lines and 256 Ki characters, and says nothing when there is no more. */
function isCut(lines: readonly OutputLine[]): boolean {
  const characters = lines.reduce((sum, line) => sum + line.text.length, 0)
  return lines.length >= 1_000 || characters >= 192 * 1024
}

/** Resolves when a slow reader has taken what was written, or is gone. */
function drained(raw: ServerResponse): Promise<void> {
  if (raw.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      raw.off('drain', done)
      raw.off('close', done)
      resolve()
    }
    raw.on('drain', done)
    raw.on('close', done)
  })
}

/** Whose output is meant. */
interface FoundLogs {
  /** Processes that there are now. */
  ids(): readonly string[]
  /** Services whose ended instances belong to it. */
  readonly formerOf: readonly string[]
}

/** Names of services or of instances; undefined: all. Throws `ProblemError` for one that is neither. */
function findLogs(names: readonly string[] | undefined, processes: LogProcesses): FoundLogs {
  const isInstance = (name: string): boolean =>
    processes.services().some((run) => run.slots().some(({ spec }) => spec.id === name))
  const unknown = names?.find((name) => processes.service(name) === undefined && !isInstance(name))
  if (unknown !== undefined) {
    const known = processes.services().map((run) => run.name)
    throw serviceUnknown(unknown, known)
  }
  const wanted = names === undefined ? undefined : new Set(names)
  return {
    ids: () =>
      processes.services().flatMap((run) =>
        run
          .slots()
          .map(({ spec }) => spec.id)
          .filter((id) => wanted === undefined || wanted.has(run.name) || wanted.has(id)),
      ),
    formerOf: processes
      .services()
      .map((run) => run.name)
      .filter((name) => wanted === undefined || wanted.has(name)),
  }
}
