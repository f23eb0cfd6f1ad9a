import type { Rule } from '../../../mechanisms/acl-rules/rule.ts'

/** Rules under a name, as they were written. */
export interface Policy {
  readonly id: string
  readonly name: string
  readonly description: string
  /** HCL or JSON, as it was given. */
  readonly text: string
  readonly rules: readonly Rule[]
  readonly createIndex: number
  readonly modifyIndex: number
}

/** Who somebody is. The secret itself is nowhere: only its SHA-256. */
export interface Token {
  /** Its public name. */
  readonly accessor: string
  /** Hexadecimal. */
  readonly secretHash: string
  readonly description: string
  /** Ids. */
  readonly policies: readonly string[]
  readonly createdAtMs: number
  /** Unix ms; 0: it does not expire. */
  readonly expiresAtMs: number
  readonly createIndex: number
  readonly modifyIndex: number
}

/** The policy that may everything: Consul's id and name. */
export const MANAGEMENT: Policy = {
  id: '00000000-0000-0000-0000-000000000001',
  name: 'global-management',
  description: 'Builtin Policy that grants unlimited access',
  text: '',
  rules: [],
  createIndex: 1,
  modifyIndex: 1,
}
