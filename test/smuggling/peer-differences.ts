/** A message that another proxy does not read as we do, and why that is no smuggling. */
export interface PeerDifference {
  readonly peer: string
  /** Of the vector. */
  readonly id: string
  readonly reason: string
}

/** All that are known; one that is none any more fails. */
export const expectedPeerDifferences: readonly PeerDifference[] = [
  {
    peer: 'nginx',
    id: 'target-options-asterisk',
    reason: 'nginx refuses "*" with 400: nothing is read.',
  },
  {
    peer: 'nginx',
    id: 'target-options-absolute',
    reason: 'An absolute OPTIONS without path is forwarded as "*".',
  },
]
