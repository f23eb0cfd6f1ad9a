const http = process.getBuiltinModule('node:http')

/**
 * What we run of `node:http`. An `import` of that module evaluates each of its exports, and `WebSocket` among them loads the whole of
 * undici: 25 ms at every start of a process that never opens one. Types may come from `node:http` itself.
 */
export const { STATUS_CODES, request } = http
