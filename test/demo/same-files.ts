/** Whether two folders hold the same files, byte for byte. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

export interface Comparison {
  files: number
  bytes: number
  /** What is different, one sentence each; empty when the folders are the same. */
  differences: string[]
}

/** Reads every file of both, one at a time. Folders without files and the times of files do not count. */
export function compareFolders(expected: string, found: string): Comparison {
  const [here, there] = [filesOf(expected), filesOf(found)]
  const differences = [...there].filter((path) => !here.has(path)).map((path) => `${path} should not be there.`)
  let bytes = 0
  for (const path of here) {
    if (!there.has(path)) {
      differences.push(`${path} is missing.`)
      continue
    }
    const [a, b] = [readFileSync(join(expected, path)), readFileSync(join(found, path))]
    bytes += a.length
    if (!a.equals(b)) differences.push(`${path} is not the same.`)
  }
  return { files: here.size, bytes, differences }
}

function filesOf(folder: string): Set<string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => !entry.isDirectory())
  return new Set(files.map(({ parentPath, name }) => relative(folder, join(parentPath, name))).sort())
}
