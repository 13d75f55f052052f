/** How many bytes the files of a folder hold. */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** The sum of the lengths of all files in `folder` and below, not what the disk rounds them up to. */
export function folderBytes(folder: string): number {
  let sum = 0
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) sum += statSync(join(entry.parentPath, entry.name)).size
  }
  return sum
}
