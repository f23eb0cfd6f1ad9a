import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** A user of the machine (passwd(5)). */
export interface SystemUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
}

/** A directory service may be slow, and the supervisor waits for it. */
const GETENT_TIMEOUT_MS = 2_000

/** The user of this name or number; null where there is none. Users that are in no file are asked for with getent(1). */
export function findSystemUser(nameOrNumber: string): SystemUser | null {
  return findIn(readPasswd(), nameOrNumber) ?? findIn(askGetent(nameOrNumber), nameOrNumber)
}

/** Parses lines of passwd(5): `name:password:uid:gid:comment:home:shell`. */
export function findIn(passwd: string, nameOrNumber: string): SystemUser | null {
  const isNumber = /^[0-9]+$/.test(nameOrNumber)
  for (const line of passwd.split('\n')) {
    const [name = '', , uid = '', gid = '', , home = ''] = line.split(':')
    if ((isNumber ? uid : name) !== nameOrNumber || !/^\d+$/.test(uid) || !/^\d+$/.test(gid))
      continue
    return { name, uid: Number(uid), gid: Number(gid), home }
  }
  return null
}

function readPasswd(): string {
  try {
    return readFileSync('/etc/passwd', 'utf8')
  } catch {
    return ''
  }
}

function askGetent(nameOrNumber: string): string {
  try {
    return execFileSync('getent', ['passwd', nameOrNumber], {
      encoding: 'utf8',
      timeout: GETENT_TIMEOUT_MS,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  } catch {
    return ''
  }
}
