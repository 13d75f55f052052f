/**
 * Runs inside a mount namespace of its own (vault-disk.test.ts starts it): a vault's database on a disk of 1 MB that
 * fills up and gets room again. Prints what happened, as JSON.
 */
import { execFileSync } from 'node:child_process'
import { appendFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openSqlite } from '../../vault/store/sqlite.ts'
import { StorageUnavailable } from '../../vault/store/storage.ts'
import { checkWhole, put, row } from '../unit/vault/storage-samples.ts'

const disk = process.argv[2]
if (disk === undefined) throw new Error('the folder to mount on is missing')
execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=700', 'coffer', disk])
const ballast = join(disk, 'ballast')
writeFileSync(ballast, new Uint8Array(400_000))
const storage = await openSqlite({ file: join(disk, 'vault.db'), now: Date.now })

let acknowledged = 0
let refused: unknown
for (let at = 0; refused === undefined && at < 1000; at++) {
  try {
    acknowledged = await put(storage, [row('a', 'x'.repeat(5000 + at)), row('b', 'y'.repeat(5000 + at))])
  } catch (error) {
    refused = error
  }
}
// Letting go of the database can make room: its log is copied into it. Now there is really none.
const more = join(disk, 'more')
try {
  for (;;) appendFileSync(more, new Uint8Array(4096))
} catch {
  // Full.
}
const whenFull = (await checkWhole(storage, ['a', 'b'])).head?.place
const again = await put(storage, [row('a', 'z'.repeat(100_000))]).then(
  () => 'written',
  (error: unknown) => (error instanceof StorageUnavailable ? 'unavailable' : 'another error'),
)
for (const file of [ballast, more]) rmSync(file)
const after = await put(storage, [row('a', 'small'), row('b', 'small')])
await storage.ready()
await checkWhole(storage, ['a', 'b'])
await storage.close()
const result = {
  some: acknowledged > 0,
  refused: refused instanceof StorageUnavailable && refused.message,
  nothingHalf: whenFull === acknowledged,
  again,
  goesOn: after === acknowledged + 2,
}
process.stdout.write(JSON.stringify(result))
