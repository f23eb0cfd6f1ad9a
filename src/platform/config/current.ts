import type { Part } from '../capability.ts'
import type { LoadedConfig, SourceOf } from './load.ts'

/** The configuration in force, as it is shown. */
export interface Configuration<Settings> {
  readonly settings: Settings
  readonly file: string
  readonly overlay: string
  readonly sourceOf: SourceOf
  /** Plain data, secrets masked. */
  effective(): unknown
}

/** Holds what is in force, and remembers why the file is not. */
export interface CurrentConfiguration<Settings> {
  readonly current: () => Configuration<Settings>
  /** The file could not be read or applied; told as a problem until one is. */
  reject(text: string): void
}

/** A part of the house like the others: it takes a new configuration when all of them do. */
export function startConfiguration<Settings>(
  first: LoadedConfig<Settings>,
  { file, overlay }: { readonly file: string; readonly overlay: string },
): Part<LoadedConfig<Settings>, CurrentConfiguration<Settings>> {
  let loaded = first
  let rejected = ''
  return {
    api: {
      current: () => {
        const { settings, sourceOf } = loaded
        return { settings, sourceOf, effective: () => loaded.effective(), file, overlay }
      },
      reject: (text) => void (rejected = text),
    },
    prepare: (next) => ({
      commit() {
        loaded = next
        rejected = ''
      },
    }),
    *problems() {
      if (rejected === '') return
      yield {
        severity: 'error',
        code: 'ERR_CONFIG_RELOAD',
        service: '',
        instance: '',
        text: `${file} has a mistake; the former configuration stays in force: ${rejected}`,
      }
    },
  }
}
