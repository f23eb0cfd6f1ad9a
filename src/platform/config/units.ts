import { z } from 'zod'

interface TextBounds {
  readonly min?: string
  readonly max?: string
}

/** `2s`, `500ms`, `5m`, `1h`, `7d` to milliseconds. */
export function duration(_bounds: TextBounds = {}) {
  return z.string().transform((text) => parseDurationMs(text))
}

/** `10MiB`, `64KiB`, `512B` to bytes. */
export function size(_bounds: TextBounds = {}) {
  return z.string().transform((text) => parseSizeBytes(text))
}

/** `20%` or `0.2` to a ratio from 0 to 1. */
export function share() {
  return z.union([z.string(), z.number()]).transform((raw) => parseShareRatio(raw))
}

/** `100/s`, `6000/m` to a number a second. */
export function rate(_bounds: { readonly max?: number } = {}) {
  return z.string().transform((text) => parseRatePerSecond(text))
}

/** A door: `8080`, `127.0.0.1:8080`, `[::1]:8080`, `0` or `off`. */
export type ListenAddress = { readonly host: string; readonly port: number } | 'off'
export function listenAddress() {
  return z.union([z.int(), z.string()]).transform((raw): ListenAddress => parseListenAddress(raw))
}

/** A plain text, or where to find it. Resolved by the loader; the value never appears in errors or in the effective configuration. */
export type SecretSource = string | { readonly env: string } | { readonly file: string }
export function secret() {
  return z.union([
    z.string(),
    z.number().transform(String),
    z.boolean().transform(String),
    z.strictObject({ env: z.string() }),
    z.strictObject({ file: z.string() }),
  ])
}

export function parseDurationMs(_text: string): number {
  throw new Error('written by the owner of this folder')
}
export function parseSizeBytes(_text: string): number {
  throw new Error('written by the owner of this folder')
}
export function parseShareRatio(_raw: string | number): number {
  throw new Error('written by the owner of this folder')
}
export function parseRatePerSecond(_text: string): number {
  throw new Error('written by the owner of this folder')
}
export function parseListenAddress(_raw: string | number): ListenAddress {
  throw new Error('written by the owner of this folder')
}
