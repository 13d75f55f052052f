/** A day beside one million small files that stay as they are. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { addDay, makeWhatsAppAndroid } from '../fixtures/make-whatsapp-android.ts'
import { changedPages } from './changed-pages.ts'
import { coffer } from './coffer.ts'
import { folderBytes } from './folder-bytes.ts'
import { run, sync } from './run-program.ts'
import type { Samples } from './samples.ts'

export interface Million {
  folder: string
  files: number
  samples: Samples
  say: (text: string) => void
}

/** Metadata is what the day uploads beyond its changed pages. */
export async function measureMillion({ folder, files, samples, say }: Million): Promise<void> {
  const live = join(folder, 'live')
  const store = { folder: live, database: join(live, 'msgstore.db') }
  const before = join(folder, 'before.db')
  say(`million: making ${files.toLocaleString('en-GB')} files`)
  makeSmallFiles(join(live, 'Media'), files)
  makeWhatsAppAndroid(store.database, { messages: 20_000, journal: 'wal' })
  const inUse = await coffer.begin(store, join(folder, 'coffer'))
  await sync()
  say('million: first backup')
  const first = await inUse.backup({ watchMemory: true })
  samples.add('million first, bytes', 'coffer', first.peak)
  samples.add('million first, seconds', 'coffer', first.seconds)

  await run('cp', [store.database, before])
  addDay(store.database, { messages: 200 })
  const ideal = changedPages(before, store.database).sealed
  const size = folderBytes(inUse.repository)
  await sync()
  say('million: the day')
  const day = await inUse.backup({ watchMemory: true })
  samples.add('million day, bytes', 'coffer', day.peak)
  samples.add('million day, seconds', 'coffer', day.seconds)
  samples.add('million metadata, bytes', 'coffer', folderBytes(inUse.repository) - size - ideal)
  rmSync(folder, { recursive: true })
}

/** A thousand to a folder, none like another, some sixty bytes each. */
function makeSmallFiles(parent: string, files: number): void {
  for (let i = 0; i < files; i++) {
    const folder = join(
      parent,
      Math.floor(i / 1000)
        .toString()
        .padStart(4, '0'),
    )
    if (i % 1000 === 0) mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, `note-${i}.txt`), `A small file, number ${i}, as there are so many of them.\n`)
  }
}
