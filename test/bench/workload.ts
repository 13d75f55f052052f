/**
 * The message store everything is measured with, and what a day does to it. Made once and kept, since making it takes
 * a minute; used again only while its generator, its files and their sizes are what they were.
 */
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { type MadeFile, makeMedia } from '../fixtures/make-media.ts'
import { addDay, makeWhatsAppAndroid } from '../fixtures/make-whatsapp-android.ts'
import { LiveStore, type State, states } from './live-store.ts'

export interface Size {
  messages: number
  media: { files: number; bytes: number }
  day: { messages: number; media: { files: number; bytes: number } }
}

export const fullSize: Size = {
  messages: 1_500_000,
  media: { files: 3500, bytes: 1e9 },
  day: { messages: 2000, media: { files: 28, bytes: 8e6 } },
}

/** A tenth, a hundredth of it: everything in proportion. */
export function fraction(size: Size, of: number): Size {
  const part = (n: number): number => Math.ceil(n / of)
  const media = (it: Size['media']): Size['media'] => ({ files: part(it.files), bytes: part(it.bytes) })
  return {
    messages: part(size.messages),
    media: media(size.media),
    day: { messages: part(size.day.messages), media: media(size.day.media) },
  }
}

/** What is written beside the workload once it is whole. */
interface Made {
  generator: string
  media: Record<State, MadeFile[]>
  databases: Record<State, number>
}

const mediaSeed = 7

/** The workload of that size in a folder of its own below `cache`. `say` hears what takes a while. */
export function prepareWorkload(cache: string, name: string, size: Size, say: (text: string) => void): LiveStore {
  const folder = join(cache, name)
  const generator = generatorOf(size)
  const known = readMade(folder)
  const usable = known?.generator === generator && isWhole(folder, known)
  if (!usable) say(`making the ${name} store of ${size.messages.toLocaleString('en-GB')} messages …`)
  const made = usable ? known : make(folder, size, generator)
  return new LiveStore(folder, made.media)
}

function make(folder: string, size: Size, generator: string): Made {
  rmSync(folder, { recursive: true, force: true })
  const paths = { base: join(folder, 'base.db'), day: join(folder, 'day.db'), later: join(folder, 'later.db') }
  mkdirSync(folder, { recursive: true })
  // As on phones, the database is in WAL mode; nobody has it open, so there is no -wal file.
  const base = makeWhatsAppAndroid(paths.base, { messages: size.messages, media: size.media, journal: 'wal' })
  copyFileSync(paths.base, paths.day)
  const day = addDay(paths.day, { ...size.day, seed: 2 })
  copyFileSync(paths.day, paths.later)
  const db = new Database(paths.later)
  db.exec('vacuum')
  db.close()
  const later = addDay(paths.later, { ...size.day, seed: 3 })
  // The first day's files stay where they are; those of the later days come and go.
  makeMedia(join(folder, 'live'), base.media, mediaSeed)
  for (const { media } of [day, later]) makeMedia(join(folder, 'kept'), media, mediaSeed)
  const bytes = (path: string): number => statSync(path).size
  const made: Made = {
    generator,
    media: { base: base.media, day: day.media, later: later.media },
    databases: { base: bytes(paths.base), day: bytes(paths.day), later: bytes(paths.later) },
  }
  writeFileSync(join(folder, 'made.json'), JSON.stringify(made))
  return made
}

function readMade(folder: string): Made | undefined {
  try {
    // Written by `make` alone, and thrown away by the next line of its caller if another generator wrote it.
    return JSON.parse(readFileSync(join(folder, 'made.json'), 'utf8')) as Made
  } catch {
    return undefined
  }
}

function isWhole(folder: string, made: Made): boolean {
  const size = (path: string): number | undefined => statSync(join(folder, path), { throwIfNoEntry: false })?.size
  return states.every(
    (state) =>
      size(`${state}.db`) === made.databases[state] &&
      made.media[state].every(({ path, bytes }) => size(join(state === 'base' ? 'live' : 'kept', path)) === bytes),
  )
}

/** Changes whenever what makes the workload does. */
function generatorOf(size: Size): string {
  const hash = createHash('sha256').update(JSON.stringify(size))
  const sources = ['make-media', 'make-whatsapp-android', 'random', 'small-talk', 'whatsapp-android-schema']
  for (const name of sources) hash.update(readFileSync(join(import.meta.dirname, '..', 'fixtures', `${name}.ts`)))
  return hash.update(readFileSync(import.meta.filename)).digest('hex')
}
