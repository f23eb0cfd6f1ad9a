import { closeSync, openSync, readFileSync, readdirSync, readlinkSync, readSync } from 'node:fs'
import { readProcessFacts } from '../process-facts.ts'

/** Who listens on a port. */
export interface PortHolder {
  /** 0: a process whose files this user may not see. */
  readonly pid: number
  /** Its name, as `ps` shows it; '' where it is not known. */
  readonly name: string
  /** Its process group; 0 where it is not known. */
  readonly group: number
}

const LISTEN = '0A'
/** Lines that may be looked at: a machine with more sockets than this is not asked. */
const LINES_MAX = 200_000
const READ_BYTES = 64 * 1024

/** The process that accepts TCP connections to this port of loopback, or null. Always null where there is no `/proc` (Linux only). */
export function findPortHolder(port: number): PortHolder | null {
  return findPortHolders(port)[0] ?? null
}

/** All of them: several may share one socket, or have one each (SO_REUSEPORT). */
export function findPortHolders(port: number): readonly PortHolder[] {
  const inodes = new Set(
    ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => inodesOf(file, port)),
  )
  if (inodes.size === 0) return []
  const holders = processIds()
    .filter((pid) => ownsSocket(pid, inodes))
    .map((pid) => ({ pid, name: nameOf(pid), group: readProcessFacts(pid)?.group ?? 0 }))
  return holders.length > 0 ? holders : [{ pid: 0, name: '', group: 0 }]
}

/** Ports on which one of these processes accepts TCP connections, by pid. Empty where there is no `/proc` (Linux only). */
export function findListeningPorts(
  pids: readonly number[],
): ReadonlyMap<number, readonly number[]> {
  const ports = new Map(
    ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => parseListening(readTable(file))),
  )
  return new Map(
    pids.map((pid) => [
      pid,
      [...socketsOf(pid)].map((inode) => ports.get(inode) ?? 0).filter((port) => port !== 0),
    ]),
  )
}

/** Inode and port of each socket that listens on loopback or on every address. */
function parseListening(table: string): readonly (readonly [inode: string, port: number])[] {
  return listeningRows(table).map(({ inode, port }) => [inode, port])
}

/**
 * Inodes of the sockets that listen on a port of loopback or of every address, by one table of the kernel (proc(5)): `sl local_address
 * rem_address st ... inode`, addresses in hexadecimal, each 32-bit word in the byte order of the machine.
 */
export function parseListeningInodes(table: string, port: number): readonly string[] {
  return listeningRows(table)
    .filter((row) => row.port === port)
    .map(({ inode }) => inode)
}

function listeningRows(
  table: string,
): readonly { readonly inode: string; readonly port: number }[] {
  return table
    .split('\n', LINES_MAX)
    .slice(1)
    .flatMap((line) => {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/)
      const at = local.lastIndexOf(':')
      if (state !== LISTEN || !isLocal(local.slice(0, at))) return []
      return [{ inode, port: Number.parseInt(local.slice(at + 1), 16) }]
    })
}

/** Any address, 127.0.0.0/8, ::1, and IPv4 mapped into IPv6, as a little-endian machine writes them. */
function isLocal(address: string): boolean {
  if (/^0+$/.test(address)) return true
  if (address.length === 8) return address.endsWith('7F')
  return address === '00000000000000000000000001000000' || /^0{16}FFFF0000.{6}7F$/.test(address)
}

function inodesOf(file: string, port: number): readonly string[] {
  return parseListeningInodes(readTable(file), port)
}

/**
 * The beginning of a table: the kernel writes those who listen in front of all connections, of which a gateway has tens of thousands, and each service that starts is
 * looked at many times a second.
 */
function readTable(path: string): string {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    return ''
  }
  try {
    const buffer = Buffer.allocUnsafe(READ_BYTES)
    let table = ''
    for (;;) {
      const length = readSync(file, buffer)
      table += buffer.toString('latin1', 0, length)
      if (length === 0 || !mayListenBehind(table)) return table
    }
  } catch {
    return ''
  } finally {
    closeSync(file)
  }
}

/** Whether there is more that listens behind this beginning of a table: unless some listen, and in front of all others, as on Linux itself. */
function mayListenBehind(table: string): boolean {
  const states = table
    .split('\n')
    .slice(1, -1)
    .map((row) => row.trim().split(/\s+/)[3])
  const first = states.findIndex((state) => state !== LISTEN)
  return first <= 0 || states.includes(LISTEN, first)
}

function processIds(): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
}

function ownsSocket(pid: number, inodes: ReadonlySet<string>): boolean {
  for (const inode of socketsOf(pid)) if (inodes.has(inode)) return true
  return false
}

/** Inodes of the open sockets of a process; none of one that belongs to another user, or is gone. */
function* socketsOf(pid: number): Generator<string> {
  let descriptors: readonly string[] = []
  try {
    descriptors = readdirSync(`/proc/${pid}/fd`)
  } catch {
    return
  }
  for (const descriptor of descriptors) {
    const match = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${descriptor}`))
    if (match?.[1] !== undefined) yield match[1]
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return ''
  }
}
