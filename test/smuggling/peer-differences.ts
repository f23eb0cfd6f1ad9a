/** Where another proxy does not read a forwarded message as we do, and why that is no smuggling. */
export const expectedPeerDifferences: readonly {
  readonly prefix: string
  readonly reason: string
}[] = [
  {
    prefix: 'nginx target-options-asterisk',
    reason: 'nginx refuses "*" with 400: nothing is read.',
  },
  {
    prefix: 'nginx target-options-absolute',
    reason: 'The same: an absolute OPTIONS without path is forwarded as "*".',
  },
]
