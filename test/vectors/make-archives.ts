/** Whole small archives, written by real backups of real SQLite files, with what they must give back. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { addDay, makeWhatsAppAndroid } from '../fixtures/make-whatsapp-android.ts'
import { fill, Workbench } from './workbench.ts'

export async function makeArchives(folder: string): Promise<void> {
  await oneDatabase(folder)
  await twoSnapshotsWithMedia(folder)
  await manyLayers(folder)
  await afterForgetting(folder)
  await damagedFirstCopy(folder)
}

async function oneDatabase(folder: string): Promise<void> {
  const bench = await Workbench.open(folder, 'one-database', 'messages.db')
  bench.change((db) => {
    db.pragma('page_size = 4096')
    db.exec('create table message (id integer primary key, text text)')
    fill(db, 200)
  })
  await bench.backUp()
  bench.finish('One snapshot of one database, without media.')
}

async function twoSnapshotsWithMedia(folder: string): Promise<void> {
  const bench = await Workbench.open(folder, 'two-snapshots-with-media', 'msgstore.db')
  makeWhatsAppAndroid(bench.database, { messages: 300, chats: 4, pageSize: 512, days: 90 })
  bench.change((db) => {
    db.pragma('page_size = 65536')
    db.exec('create table wa_contacts (_id integer primary key, display_name text)')
    fill(db, 6000, 'wa_contacts (display_name)')
  }, 'wa.db')
  const pattern = (length: number) => Buffer.alloc(length, 'the same again and again, so that little is left of it; ')
  bench.media('WhatsApp Images/IMG-20210301-WA0001.jpg', pattern(3000))
  bench.media('WhatsApp Images/again.jpg', pattern(3000))
  bench.media('WhatsApp Video/four mebibytes and a bit.mp4', pattern(4 * 1024 * 1024 + 5000))
  bench.media('WhatsApp Video/exactly four.mp4', Buffer.alloc(4 * 1024 * 1024, 7))
  bench.media('empty', Buffer.alloc(0))
  bench.media('two\nlines', Buffer.from('a name with a line break'))
  bench.media('👩‍👩‍👧 a family.jpg', Buffer.from('a name with an emoji'))
  bench.media('x'.repeat(255), Buffer.from('a name of 255 bytes'))
  bench.media(Buffer.from([0xff, 0xfe, 0x20, 0xc3]), Buffer.from('a name that is no UTF-8'))
  bench.media('CON', Buffer.from('a name that Windows keeps for itself'))
  bench.media('a', Buffer.from('sorts before the next'))
  bench.media('a.b', Buffer.from('sorts before what is in a folder of the same beginning'))
  bench.media('aa/b', Buffer.from('in a folder'), -5_000_000_000n)
  for (let i = 0; i < 12; i++) bench.media(`many/${i}`, Buffer.from(`file ${i}`))
  await bench.backUp()

  // A few pages of the one change; the other shrinks.
  bench.change((db) => db.exec('update message set starred = 1 where _id = 150'))
  addDay(bench.database, { messages: 5 })
  bench.change((db) => {
    db.exec('delete from wa_contacts where _id > 5')
    db.exec('vacuum')
  }, 'wa.db')
  bench.remove('two\nlines')
  bench.remove('many/3')
  bench.media('a', Buffer.from('changed'))
  bench.media('many/new', Buffer.from('new'))
  bench.media('many/moved', Buffer.from('file 3'))
  await bench.backUp()
  bench.finish(
    'Two snapshots of a WhatsApp store: pages of 512 and of 65,536 bytes, odd file names, removals, two layers.',
  )
}

async function manyLayers(folder: string): Promise<void> {
  const bench = await Workbench.open(folder, 'many-layers', 'messages.db')
  bench.change((db) => {
    db.pragma('page_size = 1024')
    db.pragma('auto_vacuum = full')
    db.exec('create table message (id integer primary key, text text)')
    fill(db, 6000)
  })
  for (let i = 0; i < 16; i++) bench.media(String(i), Buffer.from(`file ${i}`))
  await bench.backUp()
  // Each changes less than half of what the one before did, so that no layer is merged.
  bench.change((db) => db.exec(`update message set text = 'changed ' || text where id < 2000`))
  for (let i = 0; i < 6; i++) bench.remove(String(i))
  await bench.backUp()
  bench.change((db) => db.exec(`update message set text = 'changed ' || text where id between 1300 and 1700`))
  bench.media('3', Buffer.from('back again'))
  bench.media('15', Buffer.from('changed'))
  await bench.backUp()
  // The last pages go and, in the next snapshot, come back with other content: what older layers say of them is stale.
  bench.change((db) => db.exec('delete from message where id > 5940'))
  bench.remove('15')
  await bench.backUp()
  bench.change((db) => fill(db, 80))
  await bench.backUp()
  bench.change((db) => {
    db.exec('delete from message where id > 1000')
    db.pragma('page_size = 2048')
    db.exec('vacuum')
  })
  await bench.backUp()
  await bench.backUp()
  bench.finish(
    'Seven snapshots: several layers, a database that shrinks and grows again, another page size, no change at all.',
  )
}

async function afterForgetting(folder: string): Promise<void> {
  const bench = await Workbench.open(folder, 'after-forgetting', 'messages.db')
  bench.change((db) => {
    db.exec('create table message (id integer primary key, text text)')
    fill(db, 50)
  })
  for (let i = 0; i < 4; i++) {
    bench.change((db) => fill(db, 10 + i))
    bench.media(`day ${i}`, Buffer.from(`media of day ${i}`))
    await bench.backUp()
  }
  await bench.forget(2)
  bench.finish(
    'Four snapshots, of which the first two were deleted on purpose; an old revision of the last is still there.',
  )
}

async function damagedFirstCopy(folder: string): Promise<void> {
  const bench = await Workbench.open(folder, 'damaged-first-copy', 'messages.db')
  bench.change((db) => {
    db.exec('create table message (id integer primary key, text text)')
    fill(db, 5)
  })
  await bench.backUp()
  const header = join(bench.archive, 'coffer.json')
  writeFileSync(header, readFileSync(header, 'utf8').replace('"coffer":1', '"coffer":3'))
  bench.finish('coffer.json is damaged in such a way that it looks like a newer one; coffer.previous.json is whole.', [
    'copy_used',
  ])
}
