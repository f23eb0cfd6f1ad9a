import { resolve } from 'node:path'
import type { CertificateOp, ClientAuthoritySpec } from '../../contracts/certificates.ts'
import { CertificateError } from './errors.ts'
import type { Fault } from './held.ts'
import type { TlsSettings } from './schema.ts'
import { readAuthorities } from './trusts.ts'

/** What is wanted for one name of `tls.clients.authorities`. */
export interface WantedAuthority {
  readonly name: string
  readonly found: ClientAuthoritySpec | CertificateError
}

/** Who signs certificates of clients now, and what is wrong. */
export interface ClientAuthorities {
  readonly held: readonly ClientAuthoritySpec[]
  readonly faults: readonly Fault[]
}

/** The files of `tls.clients.authorities`, absolute. */
export function authorityFiles(tls: TlsSettings | undefined, folder: string): string[] {
  return Object.values(tls?.clients?.authorities ?? {}).map((file) => resolve(folder, file))
}

/** Reads them. */
export function readClientAuthorities(
  tls: TlsSettings | undefined,
  folder: string,
): Promise<readonly WantedAuthority[]> {
  return Promise.all(
    Object.entries(tls?.clients?.authorities ?? {}).map(async ([name, file]) => {
      try {
        return { name, found: { name, ca: await readAuthorities(resolve(folder, file)) } }
      } catch (error) {
        if (!(error instanceof CertificateError)) throw error
        return { name, found: error }
      }
    }),
  )
}

/** What cannot be used leaves what was there before; where there was nothing, nobody is believed under that name. */
export function decideAuthorities(
  before: ClientAuthorities,
  wanted: readonly WantedAuthority[],
): ClientAuthorities {
  const known = new Map(before.held.map((one) => [one.name, one]))
  const faults: Fault[] = []
  const held = wanted.flatMap(({ name, found }): ClientAuthoritySpec[] => {
    if (!(found instanceof Error)) return [found]
    const old = known.get(name)
    faults.push({ error: found, isServed: old !== undefined })
    return old === undefined ? [] : [old]
  })
  return { held, faults }
}

/** What the data plane must be told. */
export function differenceOfAuthorities(
  before: ClientAuthorities,
  after: ClientAuthorities,
): readonly CertificateOp[] {
  const old = new Map(before.held.map(({ name, ca }) => [name, ca]))
  const staying = new Set(after.held.map(({ name }) => name))
  return [
    ...after.held
      .filter(({ name, ca }) => old.get(name) !== ca)
      .map((authority): CertificateOp => ({ op: 'client-authority', authority })),
    ...[...old.keys()]
      .filter((name) => !staying.has(name))
      .map((name): CertificateOp => ({ op: 'client-authority-gone', name })),
  ]
}
