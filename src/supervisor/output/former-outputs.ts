import type { ProcessOutput } from './process-output.ts'

/** Kept for one service: what its last instances printed. */
const FORMER_PER_SERVICE_MAX = 4
/** Kept for all services together; the oldest goes first. */
export const FORMER_BYTES_MAX = 16 * 1024 * 1024

/** The output of instances that were stopped, replaced or scaled in, until newer ones need the room. */
export interface FormerOutputs {
  keep(service: string, output: ProcessOutput): void
  /** Oldest first. */
  of(service: string): readonly ProcessOutput[]
}

interface Former {
  readonly service: string
  readonly output: ProcessOutput
  readonly bytes: number
}

/** Makes the collection, empty. */
export function createFormerOutputs(bytesMax = FORMER_BYTES_MAX): FormerOutputs {
  let kept: readonly Former[] = []
  return {
    keep(service, output) {
      if (output.linesLast === 0) return
      kept = withinBytes(withinCount([...kept, { service, output, bytes: output.bytes }]), bytesMax)
    },
    of: (service) => kept.filter((one) => one.service === service).map(({ output }) => output),
  }
}

/** The last one was added just now. */
function withinCount(all: readonly Former[]): readonly Former[] {
  const service = all.at(-1)?.service
  const same = all.filter((one) => one.service === service)
  if (same.length <= FORMER_PER_SERVICE_MAX) return all
  const [oldest] = same
  return all.filter((one) => one !== oldest)
}

function withinBytes(all: readonly Former[], bytesMax: number): readonly Former[] {
  let bytes = all.reduce((sum, one) => sum + one.bytes, 0)
  let gone = 0
  for (; bytes > bytesMax && gone < all.length; gone++) bytes -= all[gone]?.bytes ?? 0
  return gone === 0 ? all : all.slice(gone)
}
