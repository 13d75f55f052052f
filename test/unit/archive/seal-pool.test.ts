import { EventEmitter } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import { expect, it } from 'vitest'
import { newPackId } from '../../../main/core/archive/format/names.ts'
import type { ToWorker } from '../../../main/core/archive/write/seal-messages.ts'
import { SealPool, SealWorker } from '../../../main/core/archive/write/seal-pool.ts'

/** A thread that says only what the test has it say, and keeps what it is told. */
function silentThread(): EventEmitter & { heard: ToWorker[] } {
  const heard: ToWorker[] = []
  return Object.assign(new EventEmitter(), {
    heard,
    postMessage: (message: ToWorker) => void heard.push(message),
    terminate: () => Promise.resolve(0),
  })
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

it('fills the next pack in the memory of one that is on its way, once that is taken and not before', async () => {
  const thread = silentThread()
  const worker = new SealWorker(thread as unknown as Worker)
  const uploads: { taken: () => void; landed: () => void }[] = []
  const pool = new SealPool([worker], {
    run: () => undefined,
    piece: () => undefined,
    packed: (_id, _bytes, taken) => new Promise((landed) => uploads.push({ taken, landed })),
    nextPack: newPackId,
  })
  const supplied = () => thread.heard.flatMap((it) => (it.op === 'supply' && it.buffer ? [it.buffer] : []))
  const want = () => thread.emit('message', { op: 'wantBuffer' })
  for (let i = 0; i < 3; i++) want()
  const [first, second] = supplied()
  expect(supplied()).toHaveLength(2)
  for (const buffer of [first, second]) thread.emit('message', { op: 'packed', id: newPackId(), buffer, length: 9 })
  expect(supplied()).toHaveLength(2)
  uploads[1]?.taken()
  expect(supplied()).toEqual([first, second, second])
  // Taken long ago: that it lands gives its memory back to nobody a second time.
  uploads[1]?.landed()
  want()
  await nextTurn()
  expect(supplied()).toHaveLength(3)
  uploads[0]?.landed()
  await nextTurn()
  expect(supplied()).toEqual([first, second, second, first])
  await pool.close()
})
