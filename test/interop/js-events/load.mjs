import { createRequire } from 'node:module'
import { join } from 'node:path'

/** A package of the folder in which the clients are installed. */
export const load = createRequire(join(process.env.INTEROP_CLIENTS, 'package.json'))
