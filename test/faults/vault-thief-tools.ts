/** Somebody who can write the vault's database, and has none of its keys. */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { decodeRecord, encodeRecord, type VaultRecord } from '../../vault/service/record.ts'
import { openSqlite } from '../../vault/store/sqlite.ts'
import type { Storage, StoredHead } from '../../vault/store/storage.ts'

/** Memory, where there is a file system in it: what is tested with it is not what a disk keeps. */
export const parent = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** The database's files by their names. */
export type Copy = ReadonlyMap<string, Buffer>

export class Thief {
  readonly folder: string
  constructor(folder: string) {
    this.folder = folder
  }

  /** Anything SQL can do to it. Gives the rows, where there are any. */
  sql(text: string, ...values: unknown[]): unknown[] {
    const db = new Database(join(this.folder, 'vault.db'))
    try {
      const statement = db.prepare(text)
      return statement.reader ? statement.all(...values) : [statement.run(...values)]
    } finally {
      db.close()
    }
  }

  async row(rid: Buffer): Promise<Buffer> {
    return this.#within(async (storage) => {
      const row = (await storage.rows(undefined, 1000)).find((it) => it.rid.equals(rid))
      if (!row) throw new Error('there is no such row')
      return row.bytes
    })
  }

  /** Puts these bytes in a record's row, as if the vault had; head and log stay as they are. */
  async writeRow(rid: Buffer, bytes: Buffer): Promise<void> {
    await this.#within((storage) =>
      storage.group({ rids: [], after: Number.MAX_SAFE_INTEGER, notes: [] }, ({ head }) => {
        if (!head) throw new Error('the vault is empty')
        const rows = [{ rid, touchAt: null, bytes }]
        const changes = { head, entries: [], rows, receipts: [], notes: new Map<string, null>() }
        return Promise.resolve({ value: undefined, changes })
      }),
    )
  }

  /** The row with some of what is not sealed changed, spelled as the vault spells it. */
  async editRow(rid: Buffer, edit: (record: VaultRecord) => Partial<VaultRecord>): Promise<void> {
    const { record, sealEpoch, sealed } = decodeRecord(await this.row(rid))
    await this.writeRow(rid, encodeRecord({ ...record, ...edit(record) }, sealEpoch, sealed))
  }

  head(): StoredHead {
    // SQLite's columns.
    return this.sql('SELECT place, hash, epoch, signature FROM head')[0] as StoredHead
  }

  putHead({ place, hash, epoch, signature }: StoredHead): void {
    this.sql('UPDATE head SET place = ?, hash = ?, epoch = ?, signature = ?', place, hash, epoch, signature)
  }

  /** All files of the database, as they are at this moment. */
  copy(): Copy {
    const names = readdirSync(this.folder).filter((name) => name.startsWith('vault.db'))
    return new Map(names.map((name) => [name, readFileSync(join(this.folder, name))]))
  }

  /** Writes the copy over the files that are there, or moves new files into their places. */
  putBack(copy: Copy, { how }: { how: 'over' | 'moved' }): void {
    for (const name of readdirSync(this.folder))
      if (name.startsWith('vault.db') && !copy.has(name)) rmSync(join(this.folder, name))
    for (const [name, bytes] of copy) {
      const file = join(this.folder, name)
      if (how === 'over') writeFileSync(file, bytes)
      else {
        writeFileSync(`${file}.new`, bytes)
        renameSync(`${file}.new`, file)
      }
    }
  }

  async #within<T>(work: (storage: Storage) => Promise<T>): Promise<T> {
    const storage = await openSqlite({ file: join(this.folder, 'vault.db'), now: Date.now })
    try {
      return await work(storage)
    } finally {
      await storage.close()
    }
  }
}
