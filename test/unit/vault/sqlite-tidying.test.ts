import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { openSqlite } from '../../../vault/store/sqlite.ts'

it('the write-ahead log is copied beside the groups and begun again, long before a group would have to do it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-tidying-'))
  const file = join(folder, 'vault.db')
  const storage = await openSqlite({ file, now: Date.now })
  const write = (count: number): Promise<void> =>
    storage.group({ rids: [], after: Number.MAX_SAFE_INTEGER, notes: [] }, async ({ head }) => {
      const from = head?.place ?? 0
      const rows = Array.from({ length: count }, () => ({
        rid: randomBytes(32),
        touchAt: null,
        bytes: randomBytes(900),
      }))
      const entries = rows.map(({ rid }, at) => ({ place: from + at + 1, rid, counter: 1, digest: randomBytes(32) }))
      const next = { place: from + count, hash: randomBytes(32), epoch: 1, signature: randomBytes(64) }
      return { value: undefined, changes: { head: next, entries, rows, receipts: [], notes: new Map() } }
    })
  // How often it was begun again stands in its head (sqlite.org/fileformat.html, 4.1).
  const begun = (): number => readFileSync(`${file}-wal`).readUInt32BE(12)
  try {
    await write(1)
    const before = begun()
    for (let group = 0; group < 21; group++) await write(100)
    await vi.waitFor(
      async () => {
        await write(1)
        expect(begun()).toBeGreaterThan(before)
      },
      { timeout: 20_000 },
    )
    // A group copies the log only from 128 MB on.
    expect(statSync(`${file}-wal`).size).toBeLessThan(100e6)
  } finally {
    await storage.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
