import { createNameTable } from '../../mechanisms/server-names/server-names.ts'
import type { CertificateOp, CertificateSpec } from '../../contracts/certificates.ts'
import type { CertificateError } from './errors.ts'
import type { UsableCertificate } from './parse-pair.ts'

/** Where a certificate comes from. */
export type CertificateSource = 'file' | 'acme' | 'local'

/** A certificate in service. */
export interface HeldCertificate extends UsableCertificate {
  readonly id: string
  readonly source: CertificateSource
  /** Of its file, for people. */
  readonly file: string
}

/** What is wanted of one place: what was found there, and what stays in service where that cannot be used. */
export interface Wanted {
  readonly id: string
  readonly source: CertificateSource
  readonly file: string
  readonly isNamed: boolean
  /** Where nothing is in service yet, it may be something else: then it is no fault. */
  readonly isAlone: boolean
  readonly found: UsableCertificate | CertificateError
}

/** Something that cannot be used. */
export interface Fault {
  readonly error: CertificateError
  /** The one that was there before stays in service. */
  readonly isServed: boolean
}

/** Certificates in service, in order, and what is wrong. */
export interface Holding {
  readonly held: readonly HeldCertificate[]
  readonly faults: readonly Fault[]
}

/** What is in service after a look: a place whose certificate cannot be used keeps the one that it had. */
export function decideHolding(before: Holding, wanted: readonly Wanted[]): Holding {
  const known = new Map(before.held.map((one) => [one.id, one]))
  const faults: Fault[] = []
  const held = wanted.flatMap(({ id, source, file, found, isAlone }): HeldCertificate[] => {
    if (!(found instanceof Error)) return [{ ...found, id, source, file }]
    const old = known.get(id)
    if (isAlone && old === undefined) return []
    faults.push({ error: found, isServed: old !== undefined })
    return old === undefined ? [] : [old]
  })
  return { held, faults }
}

/** What the data plane must be told so that it goes from one to the other. */
export function differenceOf(before: Holding, after: Holding): readonly CertificateOp[] {
  const old = new Map(specsOf(before).map((spec) => [spec.id, spec]))
  const next = specsOf(after)
  const staying = new Set(next.map(({ id }) => id))
  return [
    ...next
      .filter((spec) => !isSame(old.get(spec.id), spec))
      .map((certificate): CertificateOp => ({ op: 'certificate', certificate })),
    ...[...old.keys()]
      .filter((id) => !staying.has(id))
      .map((id): CertificateOp => ({ op: 'certificate-gone', id })),
  ]
}

/** The first one is shown to clients that name no host. Our own is for names that no other certificate covers. */
function specsOf({ held }: Holding): readonly CertificateSpec[] {
  const others = held.filter(({ source }) => source !== 'local')
  const covered = createNameTable(others.map(({ names }) => ({ names, value: true })))
  return held.map(({ id, source, names, keyType, chain, key }, at) => {
    const own = names.filter((name) => source !== 'local' || covered.find(name).length === 0)
    return { id, names: own, keyType, chain, key, isDefault: at === 0 }
  })
}

function isSame(a: CertificateSpec | undefined, b: CertificateSpec): boolean {
  if (a?.chain !== b.chain || a.key !== b.key || a.isDefault !== b.isDefault) return false
  return a.names.join() === b.names.join()
}
