/**
 * A process of its own that writes groups of two rows until it is killed, and says each that was acknowledged. At the
 * moment it is told, it says so and stands still.
 */
import { writeSync } from 'node:fs'
import { openStorage } from '../../../vault/store/open-storage.ts'
import { put, row } from './storage-samples.ts'

const [engine, where, halt] = process.argv.slice(2)
if (where === undefined) throw new Error('the storage is missing')
let acknowledged = 0
const at = (moment: string): void => {
  // Not in the first group: there should be something before it.
  if (moment !== halt || acknowledged < 4) return
  writeSync(1, `halted\n`)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}
const storage = await openStorage(
  engine === 'sqlite'
    ? { engine, file: where, now: Date.now, at }
    : { engine: 'postgres', urls: [where], allowSingleNode: true, at },
)
for (;;) {
  acknowledged = await put(storage, [row('one', `1 ${acknowledged}`), row('two', `2 ${acknowledged}`)])
  writeSync(1, `${acknowledged}\n`)
}
