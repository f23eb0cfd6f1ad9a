import { runOwn } from './own.mjs'

runOwn('control')
