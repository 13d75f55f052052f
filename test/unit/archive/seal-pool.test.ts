import { EventEmitter } from 'node:events'
import type { Worker } from 'node:worker_threads'
import { expect, it } from 'vitest'
import { newPackId } from '../../../main/core/archive/format/names.ts'
import { SealPool, SealWorker } from '../../../main/core/archive/write/seal-pool.ts'

/** A thread that says only what the test has it say. */
function silentThread(): EventEmitter & { postMessage(): void; terminate(): Promise<number> } {
  return Object.assign(new EventEmitter(), { postMessage: () => undefined, terminate: () => Promise.resolve(0) })
}

it('ends with the error of a disk that is full when it is told what was sealed', async () => {
  const full = new Error('the disk is full')
  const thread = silentThread()
  // Of a thread the pool uses no more than what the silent one has.
  const worker = new SealWorker(thread as unknown as Worker)
  const pool = new SealPool([worker], {
    run: () => undefined,
    piece: () => {
      throw full
    },
    packed: () => Promise.resolve(),
    nextPack: newPackId,
  })
  const settled = pool.settle({ packs: true })
  const placed = { ordinal: 0, offset: 0, length: 40, compressed: false }
  thread.emit('message', { op: 'piece', pack: newPackId(), placed, hash: new Uint8Array(32) })
  await expect(settled).rejects.toBe(full)
  await pool.close()
})
