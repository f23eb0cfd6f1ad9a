import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { labelsOf, type Labels } from '../../../../mechanisms/labels/labels.ts'
import type { Matcher, Series } from '../../../../mechanisms/promql/queryable.ts'
import { systemClock } from '../../../../platform/clock.ts'
import { openStore, type StoreOptions } from '../open-store.ts'
import type { Store, StoreLimits } from '../store.ts'

/** Limits that no test meets by accident. */
export const testLimits: StoreLimits = {
  seriesMax: 1_000_000,
  labelValuesMax: 1_000_000,
  outOfOrderMs: 600_000,
  replayBytesMax: 1e9,
  exemplarsMax: 100,
  metadataMax: 1_000,
}

/** A folder that is gone afterwards. */
export function temporaryFolder(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'backplane-store-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** Options of a store in a folder; its log goes nowhere. */
export function optionsFor(
  folder: string,
  limits: Partial<StoreLimits> = {},
  more: Partial<StoreOptions> = {},
): StoreOptions {
  return {
    folder,
    clock: systemClock,
    log: () => {},
    limits: { ...testLimits, ...limits },
    seed: 1,
    ...more,
  }
}

/** Opens a store in a folder. */
export async function openIn(
  folder: string,
  limits: Partial<StoreLimits> = {},
  more: Partial<StoreOptions> = {},
): Promise<Store> {
  return (await openStore(optionsFor(folder, limits, more))).store
}

/** Labels of a metric. */
export function named(name: string, labels: Readonly<Record<string, string>> = {}): Labels {
  return labelsOf([['__name__', name], ...Object.entries(labels)])
}

/** Everything of a series set, as texts: `name{a="b"}` with its samples. */
export async function dump(
  store: Store,
  matchers: readonly Matcher[] = [{ name: '__name__', kind: '=~', value: '.+' }],
  fromMs = -(2 ** 50),
  toMs = 2 ** 50,
): Promise<Readonly<Record<string, readonly (readonly [number, unknown])[]>>> {
  const hints = { func: '', stepMs: 0, rangeMs: 0, grouping: { labels: [], isBy: true } }
  const found = await store.queries.select({ matchers, fromMs, toMs, samplesMax: 1e9, hints })
  return Object.fromEntries(found.map((one) => [textOf(one.labels), samplesOf(one)]))
}

/** `name{a="b"}`. */
export function textOf(labels: Labels): string {
  const pairs = labels.names.flatMap((name, at) =>
    name === '__name__' ? [] : [`${name}="${labels.values[at]}"`],
  )
  return `${labels.get('__name__')}{${pairs.join(',')}}`
}

function samplesOf(series: Series): readonly (readonly [number, unknown])[] {
  const { timestamps, values, histograms } = series
  return Array.from(timestamps, (time, at) => [time, histograms?.[at] ?? values[at]] as const)
}
