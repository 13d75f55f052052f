/** What the parts that make invalid archives share: a sound archive to damage, and access to its bytes. */
import { TinyArchive, type TinyStore } from '../fixtures/tiny-archive.ts'
import { tinyDatabase } from '../fixtures/tiny-database.ts'
import { vectorKey } from './write-vector.ts'

export interface InvalidArchive {
  /** The folder's name. */
  name: string
  note: string
  archive: TinyArchive
  /** The key to try, where it is not the archive's. */
  key?: Buffer
  /** When a reader notices: on restoring the newest snapshot, or only when it verifies all. */
  found?: 'restore' | 'verify'
  error: string
  /** Name of the object that the error must name; none where that is not one object. */
  object?: string
}

/** One snapshot of one database and two files. */
export function soundArchive(name: string): TinyArchive {
  const archive = new TinyArchive({ key: vectorKey(name) })
  archive.add(store(name))
  return archive
}

export function store(salt: string): TinyStore {
  return {
    databases: [{ path: 'a.db', pageSize: 512, bytes: tinyDatabase({ pageSize: 512, rows: 12, salt }) }],
    files: [
      { path: 'Media/one', bytes: Buffer.from(`a file of ${salt}`) },
      { path: 'Media/two', bytes: Buffer.from(`another of ${salt}`) },
    ],
  }
}

/** Changes one byte of an object. */
export function flip(archive: TinyArchive, name: string, at: number): void {
  const bytes = Buffer.from(bytesOf(archive, name))
  const position = at < 0 ? bytes.length + at : at
  bytes[position] = (bytes[position] ?? 0) ^ 1
  putBytes(archive, name, bytes)
}

export function bytesOf(archive: TinyArchive, name: string): Uint8Array {
  const found = archive.destination.objects.get(name)
  if (!found) throw new Error(`there is no ${name}`)
  return found.bytes
}

export function putBytes(archive: TinyArchive, name: string, bytes: Uint8Array): void {
  archive.destination.objects.set(name, { bytes, modified: new Date(0) })
}

export function objectsIn(archive: TinyArchive, folder: string): string[] {
  return [...archive.destination.objects.keys()].filter((name) => name.startsWith(`${folder}/`))
}

/** The only object of a folder. */
export function onlyObject(archive: TinyArchive, folder: string): string {
  const [name, other] = objectsIn(archive, folder)
  if (!name || other) throw new Error(`not one object in ${folder}`)
  return name
}
