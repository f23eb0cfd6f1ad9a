import { z } from 'zod'
import type { CertificateStore } from '../store.ts'

const orderMemory = z.strictObject({
  url: z.string(),
  /** Of the certificate that is asked for, PEM. A secret. */
  key: z.string(),
  /** Times that it was tried to bring it to its end, without success. */
  tries: z.int(),
})

const hostMemory = z.strictObject({
  /** Of the authority of all of this. */
  directory: z.string(),
  /** In service, PEM; its key is a secret. */
  certificate: z.strictObject({ chain: z.string(), key: z.string() }).optional(),
  /** Under way: a start goes on with it. */
  order: orderMemory.optional(),
  /** Without a success between them. */
  failures: z.int(),
  /** Unix milliseconds; before it nothing is tried. */
  tryAtMs: z.number(),
  /** When the certificate is to be renewed; drawn once, so that a restart does not draw again. */
  renewAtMs: z.number(),
  fault: z
    .strictObject({
      code: z.string(),
      text: z.string(),
      atMs: z.number(),
      /** Nobody may ask before; 0: the authority has not said so. */
      retryAtMs: z.number(),
    })
    .optional(),
  /** What the authority suggests (RFC 9773), and when it is to be asked again. */
  window: z
    .strictObject({ startMs: z.number(), endMs: z.number(), explanation: z.string() })
    .optional(),
  askAtMs: z.number(),
})

/** All that is remembered of one host, on the disk, in one file: so a key and its certificate always belong together. */
export type HostMemory = z.output<typeof hostMemory>
export type OrderMemory = z.output<typeof orderMemory>

/** Of a host that nothing is known of. */
export function newMemory(directory: string): HostMemory {
  return { directory, failures: 0, tryAtMs: 0, renewAtMs: 0, askAtMs: 0 }
}

/** The file of a host. A host name has no character that means something in a path. */
export function memoryFile(host: string): string {
  return `${host}.json`
}

/** Undefined where there is none, or one that is not ours: then it begins anew. Throws what the disk says. */
export async function readMemory(
  store: CertificateStore,
  host: string,
): Promise<HostMemory | undefined> {
  const text = await store.read(memoryFile(host))
  if (text === undefined) return undefined
  try {
    return hostMemory.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** On the disk when it resolves. */
export function writeMemory(
  store: CertificateStore,
  host: string,
  memory: HostMemory,
): Promise<void> {
  return store.write(memoryFile(host), JSON.stringify(memory))
}
