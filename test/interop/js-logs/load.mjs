import { createRequire } from 'node:module'

/** The packages of the lock beside this file, from where the harness has installed them. */
export const load = createRequire(`${process.env.INTEROP_CLIENTS}/package.json`)
