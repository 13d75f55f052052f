import { readFileSync } from 'node:fs'
import { filesBelow } from '../fixtures/files-below.ts'
import { type Digests, digestsOf } from './bystander.ts'

/** Path to the digest of every file below a folder; what a killed restore has not brought to its place is passed over. */
export function contentBelow(folder: string): Digests {
  const files = filesBelow(folder).filter(({ name }) => !name.startsWith('.coffer-restore-'))
  return digestsOf(new Map(files.map(({ name, full }) => [name, readFileSync(full)])))
}
