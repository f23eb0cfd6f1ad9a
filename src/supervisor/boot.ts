import type { Boot } from '../contracts/supervisor.ts'

/** One of ours was started by hand, not by the supervisor. */
export class BootMissingError extends Error {
  override readonly name = 'BootMissingError'
  readonly code = 'ERR_PROCESSES_BOOT_MISSING'

  constructor(what: string) {
    super(
      `${what} in the environment variable BACKPLANE_BOOT: this program is started by the supervisor; run \`backplane up\``,
    )
  }
}

/** Reads what the supervisor gave to one of ours in BACKPLANE_BOOT. Throws `BootMissingError`. */
export function parseBoot(text: string | undefined): Boot {
  if (text === undefined) throw new BootMissingError('there is nothing')
  let raw: Partial<Record<keyof Boot, unknown>>
  try {
    raw = (JSON.parse(text) ?? {}) as typeof raw
  } catch {
    throw new BootMissingError('there is no JSON')
  }
  const { configFile, overlay, dataDir, snapshotSocket, recordsSocket } = raw
  const { adminSocket, adminSockets, json, workers } = raw
  if (
    typeof configFile !== 'string' ||
    typeof overlay !== 'string' ||
    typeof dataDir !== 'string' ||
    typeof snapshotSocket !== 'string' ||
    typeof recordsSocket !== 'string' ||
    typeof adminSocket !== 'string' ||
    !Array.isArray(adminSockets) ||
    typeof json !== 'boolean' ||
    typeof workers !== 'number'
  ) {
    throw new BootMissingError('a field is missing')
  }
  return {
    configFile,
    overlay,
    dataDir,
    snapshotSocket,
    recordsSocket,
    adminSocket,
    adminSockets: adminSockets as Boot['adminSockets'],
    json,
    workers,
  }
}

/** Where the admin routes of one of ours are; '' for a name that is not in the list. */
export function adminSocketOf({ adminSockets }: Pick<Boot, 'adminSockets'>, name: string): string {
  return adminSockets.find((one) => one.name === name)?.path ?? ''
}

/**
 * Where one of ours takes its state from control; '' for a name that is not in the list. A process in which several capabilities take theirs has a
 * socket for each: the first one's needs no name.
 */
export function stateSocketOf(
  { adminSockets }: Pick<Boot, 'adminSockets'>,
  name: string,
  capability = 'state',
): string {
  const path = adminSockets.find((one) => one.name === name)?.statePath ?? ''
  return path.replace(/-state\.sock$/, `-${capability}.sock`)
}
