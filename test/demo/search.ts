/** Looks for words in files as anyone could who holds them. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Found {
  objects: number
  bytes: number
  /** How many of the words are in some file, or in the name of one. */
  words: number
}

/** Searches every file below `folder` for each of `words`, byte for byte in UTF-8. */
export function searchFolder(folder: string, words: readonly string[]): Found {
  const found = new Set<string>()
  let [objects, bytes] = [0, 0]
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const content = readFileSync(join(entry.parentPath, entry.name))
    objects++
    bytes += content.length
    for (const word of words) if (entry.name.includes(word) || content.includes(word)) found.add(word)
  }
  return { objects, bytes, words: found.size }
}
