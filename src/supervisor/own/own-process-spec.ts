/**
 * One of our own processes, as `backplane up` lists them. The supervisor knows this and no name: one more process is one more element
 * of the list. They start in the order of the list.
 */
export interface OwnProcessSpec {
  /** `[a-z]+`: names its log, its admin socket and its pid in the `ready` line. */
  readonly name: string
  /** The program, run by this Node. */
  readonly entry: string
  /**
   * `control`: decides; says what `ToSupervisor` says, and exactly one does. `traffic`: carries requests; is drained before the users'
   * processes stop. `collector`: is given the output of the users' processes; at most one is. `plain`: none of these.
   */
  readonly role: 'control' | 'traffic' | 'collector' | 'plain'
  /** `wanted`: only while control says so (`own-wanted`). */
  readonly when: 'always' | 'wanted'
  /** The system cannot be without it: when it dies again and again before the listeners were ever open, everything ends. */
  readonly isVital: boolean
  /** When everything stops, after the users' processes: higher numbers first, equal ones side by side. */
  readonly stopOrder: number
  /** Flags of Node for it alone. */
  readonly nodeArgs?: readonly string[]
  /** Of its environment; what the operator's own says of the same names comes first. */
  readonly env?: Readonly<Record<string, string>>
}
