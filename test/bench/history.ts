/** What many snapshots cost: the time of a late one, and listing a thousand from the folder alone. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { addDay, makeWhatsAppAndroid } from '../fixtures/make-whatsapp-android.ts'
import { coffer, listSnapshots } from './coffer.ts'
import { sync } from './run-program.ts'
import type { Samples } from './samples.ts'

interface History {
  folder: string
  samples: Samples
  say: (text: string) => void
}

/**
 * A store that hardly grows, so that a later snapshot has no more to do than an early one: the first five after the
 * first are compared with the last five.
 */
export async function measureHistory(
  { folder, samples, say }: History,
  size: { messages: number; snapshots: number },
): Promise<void> {
  const { messages, snapshots } = size
  const { inUse, database } = await begin(folder, messages)
  for (let n = 1; n <= snapshots; n++) {
    if (n % 20 === 0) say(`history, snapshot ${n}`)
    if (n > 1) addDay(database, { messages: 20, seed: n })
    const early = n >= 2 && n <= 6
    const late = n > snapshots - 5
    if (early || late) await sync()
    const { seconds } = await inUse.backup()
    if (early) samples.add('early snapshot, seconds', 'coffer', seconds)
    if (late) samples.add('late snapshot, seconds', 'coffer', seconds)
  }
  rmSync(folder, { recursive: true })
}

/** Lists the snapshots of a tiny store: on a computer that has never seen the archive, and on the one that made it. */
export async function measureList({ folder, samples, say }: History, snapshots: number): Promise<void> {
  const { inUse, database } = await begin(folder, 200)
  for (let n = 1; n <= snapshots; n++) {
    if (n % 100 === 0) say(`list, snapshot ${n}`)
    if (n > 1) addDay(database, { messages: 2, seed: n })
    await inUse.backup()
  }
  for (let i = 0; i < 5; i++) {
    for (const [from, home] of [
      ['folder', `stranger-${i}`],
      ['memory', 'home'],
    ] as const) {
      await sync()
      const { seconds, count } = await listSnapshots(join(folder, 'coffer'), { home })
      if (count !== snapshots) throw new Error(`The list has ${count} snapshots instead of ${snapshots}.`)
      samples.add(`list from ${from}, seconds`, 'coffer', seconds)
    }
  }
  rmSync(folder, { recursive: true })
}

async function begin(folder: string, messages: number) {
  const store = { folder: join(folder, 'store'), database: join(folder, 'store', 'msgstore.db') }
  mkdirSync(store.folder, { recursive: true })
  makeWhatsAppAndroid(store.database, { messages, chats: 20, journal: 'wal' })
  return { database: store.database, inUse: await coffer.begin(store, join(folder, 'coffer')) }
}
