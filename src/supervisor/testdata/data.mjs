import { runOwn } from './own.mjs'

runOwn('data')
