import { runOwn } from './own.mjs'

runOwn('third')
