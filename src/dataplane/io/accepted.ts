import type { Socket } from 'node:net'
import type { TlsFacts } from '../tls/facts.ts'
import { adoptSocket, plainAddress, type Received, resetSocket } from './sockets.ts'

/** A connection that a connection object reads and writes. */
export interface AttachedSocket {
  readonly socket: Socket
  pause(): void
  resume(): void
  /** Ends it so that the other side sees that something is missing. */
  reset(): void
}

/** A connection of a client that nobody reads yet, in the clear or decrypted. */
export interface Accepted {
  /** Of who opened it, without brackets. */
  readonly address: string
  /** Null in the clear. */
  readonly tls: TlsFacts | null
  /** Its PROXY protocol header was read already, and `address` is what that says. */
  readonly isIntroduced: boolean
  /** From now on bytes go into `buffer`, which all sockets of a worker share. */
  attach(buffer: Buffer, received: Received): AttachedSocket
}

/** As it comes from the listener. */
export function acceptPlain(accepted: Socket): Accepted {
  return {
    address: plainAddress(accepted.remoteAddress ?? ''),
    tls: null,
    isIntroduced: false,
    attach: (buffer, received) => attachPlain(accepted, buffer, received),
  }
}

function attachPlain(accepted: Socket, buffer: Buffer, received: Received): AttachedSocket {
  const socket = adoptSocket(accepted, buffer, received)
  return {
    socket,
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    reset: () => resetSocket(socket),
  }
}
