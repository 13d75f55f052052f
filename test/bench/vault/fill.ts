/**
 * A vault that has many records already: rows, log and signed head as the vault itself writes them. What is sealed in
 * them is random, since nobody will ever log in to these.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { beginning, follow, headPreimage } from '../../../vault/log/chain.ts'
import { openKeystore } from '../../../vault/keystore/open-keystore.ts'
import { plainSetUp, setUp } from '../../../vault/cli/set-up.ts'
import { blank } from '../../../vault/service/ownership.ts'
import { encodeRecord, rowDigest } from '../../../vault/service/record.ts'
import { openSqlite } from '../../../vault/store/sqlite.ts'
import type { LogEntry, StoredRow } from '../../../vault/store/storage.ts'

const inGroup = 5000
/** Server setup, registration record and wrapped key, as fields, with nonce and tag. */
const sealedBytes = 464

export async function fillVault(folder: string, count: number): Promise<void> {
  mkdirSync(folder, { recursive: true })
  await setUp(folder, plainSetUp, { env: {} })
  const keystore = await openKeystore({ kind: 'software', file: join(folder, 'keys'), anchorFolder: folder }, 'one')
  const storage = await openSqlite({ file: join(folder, 'vault.db'), now: Date.now })
  try {
    for (let made = 0; made < count; made += inGroup)
      await storage.group({ rids: [], after: made, notes: [] }, async ({ head, now }) => {
        let position = head ?? beginning
        const rows: StoredRow[] = []
        const entries: LogEntry[] = []
        for (let at = 0; at < Math.min(inGroup, count - made); at++) {
          const rid = randomBytes(32)
          const record = blank({ rid, ownerKey: randomBytes(32) })
          const bytes = encodeRecord(
            { ...record, state: 'active', generation: 1, epoch: 1, counter: 1, budget: 10, at: now },
            1,
            randomBytes(sealedBytes),
          )
          rows.push({ rid, touchAt: null, bytes })
          const entry = { place: position.place + 1, rid, counter: 1, digest: rowDigest(rid, bytes) }
          entries.push(entry)
          position = follow(position, entry)
        }
        const bare = { place: position.place, hash: position.hash, epoch: 1 }
        const next = { ...bare, signature: Buffer.from(await keystore.sign(headPreimage(bare))) }
        return { value: undefined, changes: { head: next, entries, rows, receipts: [], notes: new Map() } }
      })
  } finally {
    await storage.close()
    await keystore.close()
  }
}
