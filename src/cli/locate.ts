import { existsSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/** What a configuration file is called where nobody names it. */
const FILE_NAME = 'backplane.yaml'

/**
 * The configuration file that is meant, absolute; whether it is there is for others to find out. A folder is looked into. Where nothing is named it
 * is `backplane.yaml` here, or in the nearest folder above that has one, as git finds its folder.
 */
export function locateConfig(given: string | undefined, cwd: string): string {
  if (given !== undefined) {
    const path = resolve(cwd, given)
    return isFolder(path) ? join(path, FILE_NAME) : path
  }
  for (let folder = cwd; ; folder = dirname(folder)) {
    const file = join(folder, FILE_NAME)
    if (existsSync(file)) return file
    if (folder === dirname(folder)) return join(cwd, FILE_NAME)
  }
}

/** The data folder that is meant, absolute: by default beside the configuration file. */
export function locateData(given: string | undefined, configFile: string, cwd: string): string {
  return given === undefined ? join(dirname(configFile), '.backplane') : resolve(cwd, given)
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}
