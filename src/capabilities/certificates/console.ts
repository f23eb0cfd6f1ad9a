import type { FastifyInstance } from 'fastify'
import type { Clock, Problem } from '../../platform/capability.ts'
import type { MetricFamily } from '../../platform/metrics-text.ts'
import type { AcmeCounts, AcmeView } from './acme/keeper.ts'
import type { Certificates } from './api.ts'
import type { HeldCertificate } from './held.ts'
import { trustCommand } from './local-authority.ts'

const DAY_MS = 86_400_000
/** A certificate that ends so soon is a problem; a long one has more time, a short one less: a seventh of its life. */
const SOON_MS_MAX = 21 * DAY_MS
const SOON_SHARE = 1 / 7

/** One certificate as people are told. */
export interface CertificateView {
  readonly id: string
  readonly source: string
  readonly file: string
  readonly names: readonly string[]
  readonly keyType: string
  readonly subject: string
  readonly issuer: string
  readonly serial: string
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** Whole days; negative once it has expired. */
  readonly daysLeft: number
  readonly isDefault: boolean
}

/** `GET /api/v1/certificates`, and what can be done about one that failed. */
export function registerCertificateRoutes(
  app: FastifyInstance,
  certificates: Certificates,
  clock: Clock,
): void {
  app.get(
    '/api/v1/certificates',
    { schema: { summary: 'Certificates in service, and those that cannot be used.' } },
    () => {
      const { held, faults } = certificates.holding()
      const file = certificates.authorityFile()
      return {
        atMs: clock.nowMs(),
        authority:
          file === undefined ? null : { file, command: trustCommand(file, process.platform) },
        certificates: held.map((one, at) => viewOf(one, at === 0, clock.nowMs())),
        faults: faults.map(({ error: { code, file, message }, isServed }) => ({
          code,
          file,
          text: message,
          isServed,
        })),
        issuing: certificates.issuing(),
      }
    },
  )
  app.post<{ Params: { readonly host: string } }>(
    '/api/v1/certificates/:host/try',
    {
      schema: {
        summary:
          'Asks the authority for the certificate of a host now, where the last try failed and the authority has not said when it may be asked again.',
        params: {
          type: 'object',
          required: ['host'],
          properties: { host: { type: 'string', maxLength: 253 } },
        },
      },
    },
    async (request, reply) => {
      await certificates.tryNow(request.params.host)
      return reply.code(202).send({ status: 'accepted' })
    },
  )
}

function viewOf(held: HeldCertificate, isDefault: boolean, nowMs: number): CertificateView {
  const { id, source, file, names, keyType, subject, issuer, serial, notBeforeMs, notAfterMs } =
    held
  const facts = { id, source, file, names, keyType, subject, issuer, serial, isDefault }
  return { ...facts, notBeforeMs, notAfterMs, daysLeft: daysLeft(held, nowMs) }
}

function daysLeft({ notAfterMs }: HeldCertificate, nowMs: number): number {
  return Math.floor((notAfterMs - nowMs) / DAY_MS)
}

/** What cannot be used, what could not be had, and what ends soon. */
export function* certificateProblems(
  certificates: Certificates,
  nowMs: number,
): Generator<Problem> {
  const { held, faults } = certificates.holding()
  const issuing = certificates.issuing()
  for (const { error, isServed } of faults) {
    const { code, file, message } = error
    const text = isServed ? `${message}. The one from before stays in service.` : `${message}.`
    yield { severity: 'error', code, service: '', instance: '', key: file, text }
  }
  yield* issuingProblems(issuing, nowMs)
  for (const one of held) {
    const life = one.notAfterMs - one.notBeforeMs
    const left = one.notAfterMs - nowMs
    if (left > Math.min(SOON_MS_MAX, life * SOON_SHARE)) continue
    const isOver = left <= 0
    const place = { service: '', instance: '', key: one.id }
    const when = isOver ? 'has expired' : `expires in ${describeLeft(left)}`
    const help =
      one.source === 'acme' ? 'A new one is asked for by itself.' : 'Put a new one in its place.'
    const text = `The certificate for ${one.names.slice(0, 3).join(', ')} (${one.file}) ${when}. ${help}`
    yield {
      severity: isOver ? 'error' : 'warning',
      code: isOver ? 'ERR_CERTIFICATE_EXPIRED' : 'ERR_CERTIFICATE_EXPIRES_SOON',
      ...place,
      text,
    }
  }
}

function* issuingProblems(issuing: readonly AcmeView[], nowMs: number): Generator<Problem> {
  for (const { host, fault, nextMs, hasCertificate, directory } of issuing) {
    if (fault === null) continue
    const again = nextMs <= nowMs ? 'now' : `in ${describeLeft(nextMs - nowMs)}`
    const meanwhile = hasCertificate
      ? 'The one from before stays in service.'
      : 'There is none in service.'
    yield {
      severity: hasCertificate ? 'warning' : 'error',
      code: fault.code,
      service: '',
      instance: '',
      key: host,
      text: `No certificate for ${host} of ${directory}: ${fault.text}. It is tried again ${again}. ${meanwhile}`,
    }
  }
}

function describeLeft(ms: number): string {
  if (ms >= 2 * DAY_MS) return `${Math.floor(ms / DAY_MS)} days`
  const hours = Math.floor(ms / 3_600_000)
  return hours >= 2 ? `${hours} hours` : `${Math.max(1, Math.floor(ms / 60_000))} minutes`
}

/** When each certificate ends, how many cannot be used, and what has come of orders. */
export function* certificateMetrics(
  certificates: Certificates,
  counts: AcmeCounts,
): Generator<MetricFamily> {
  const { held, faults } = certificates.holding()
  yield {
    name: 'backplane_certificates_not_after_timestamp_seconds',
    help: 'Unix time at which a certificate ends.',
    type: 'gauge',
    samples: held.map(({ id, names, notAfterMs }) => ({
      labels: { certificate: id, name: names[0] ?? '' },
      value: Math.floor(notAfterMs / 1_000),
    })),
  }
  yield {
    name: 'backplane_certificates_faults',
    help: 'Certificates that the file names or a folder has, and that cannot be used.',
    type: 'gauge',
    samples: [{ labels: {}, value: faults.length }],
  }
  yield {
    name: 'backplane_certificates_acme_orders_total',
    help: 'Orders at the certificate authority since the start: begun, issued, and tries that failed.',
    type: 'counter',
    samples: Object.entries(counts).map(([result, value]) => ({ labels: { result }, value })),
  }
  yield {
    name: 'backplane_certificates_acme_next_timestamp_seconds',
    help: 'Unix time at which something is done for the certificate of a host next.',
    type: 'gauge',
    samples: certificates
      .issuing()
      .map(({ host, nextMs }) => ({ labels: { name: host }, value: Math.floor(nextMs / 1_000) })),
  }
}
