/** What lies in a folder, whatever its files are called. */
import { readdirSync, readFileSync } from 'node:fs'
import { type Digests, digestsOf } from './bystander.ts'

export interface FileBelow {
  /** From the folder, `/`-separated; its bytes as latin1 text, which loses none. */
  name: string
  full: Buffer
}

/** Every file below a folder; links are not followed, and count as files. */
export function filesBelow(folder: string | Buffer, prefix = ''): FileBelow[] {
  return readdirSync(folder, { encoding: 'buffer', withFileTypes: true }).flatMap((entry) => {
    const own = Buffer.from(entry.name)
    const full = Buffer.concat([Buffer.from(folder), Buffer.from('/'), own])
    const name = prefix + own.toString('latin1')
    return entry.isDirectory() ? filesBelow(full, `${name}/`) : [{ name, full }]
  })
}

/** Path to the digest of every file below a folder; what a killed restore has not brought to its place is passed over. */
export function contentBelow(folder: string): Digests {
  const files = filesBelow(folder).filter(({ name }) => !name.startsWith('.coffer-restore-'))
  return digestsOf(new Map(files.map(({ name, full }) => [name, readFileSync(full)])))
}
