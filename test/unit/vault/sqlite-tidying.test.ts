import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openSqlite } from '../../../vault/store/sqlite.ts'

it('the write-ahead log is copied beside the groups and begun again: it does not grow with what is written', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-tidying-'))
  const file = join(folder, 'vault.db')
  const storage = await openSqlite({ file, now: Date.now })
  try {
    let largest = 0
    // Some 200 MB of log, were it never begun again; groups themselves copy it only at 64 MB.
    for (let group = 0; group < 250; group++) {
      await storage.group({ rids: [], after: group * 100, notes: [] }, async ({ head }) => {
        const from = head?.place ?? 0
        const rows = Array.from({ length: 100 }, () => ({
          rid: randomBytes(32),
          touchAt: null,
          bytes: randomBytes(900),
        }))
        const entries = rows.map(({ rid }, at) => ({ place: from + at + 1, rid, counter: 1, digest: randomBytes(32) }))
        const next = { place: from + 100, hash: randomBytes(32), epoch: 1, signature: randomBytes(64) }
        return { value: undefined, changes: { head: next, entries, rows, receipts: [], notes: new Map() } }
      })
      largest = Math.max(largest, statSync(`${file}-wal`).size)
    }
    expect(largest).toBeLessThan(60e6)
  } finally {
    await storage.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
