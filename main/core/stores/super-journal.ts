/**
 * Takes the super-journal's name out of a copied journal.
 *
 * A transaction over several databases writes the name of a file into each journal; SQLite rolls back only while that
 * file exists, and afterwards deletes it. A journal is part of somebody's data and may name any file: recovery in the
 * private copy must never delete one outside. So the question is answered here, by looking, and the name cut off.
 *
 * The record ends the journal (sqlite.org/fileformat2.html, section 3, and pager.c): page number, name, length of the
 * name, checksum (each 4 bytes, big-endian), magic of 8 bytes.
 */
import { existsSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'

const magic = Buffer.from('d9d505f920a163d7', 'hex')
const tail = 16

/** Leaves a journal without super-journal; removes it if its transaction was committed (its super-journal is gone). */
export async function settleSuperJournal(journal: string, exists: (path: string) => boolean = existsSync): Promise<void> {
  const file = await open(journal, 'r+')
  let committed = false
  try {
    const { size } = await file.stat()
    if (size < tail) return
    const end = Buffer.alloc(tail)
    await file.read(end, 0, tail, size - tail)
    const length = end.readUInt32BE(0)
    if (!end.subarray(8).equals(magic) || length === 0 || length > size - tail) return
    const name = Buffer.alloc(Math.min(length, 4096))
    await file.read(name, 0, name.length, size - tail - length)
    committed = !exists(name.toString('utf8'))
    // The record's page number stays: SQLite reads whole page records only, and 4 bytes are none.
    await file.truncate(size - tail - length)
  } finally {
    await file.close()
  }
  if (committed) await rm(journal)
}
