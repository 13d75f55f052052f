import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { newArchiveId, newPackId } from '../../../main/core/archive/format/names.ts'
import { packCapacity } from '../../../main/core/archive/format/pack.ts'
import type { FromWorker, PieceRequest } from '../../../main/core/archive/write/seal-messages.ts'
import { SealTask } from '../../../main/core/archive/write/seal-task.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'coffer-seal-'))))
afterEach(() => rmSync(folder, { recursive: true }))

function started(): { task: SealTask; said: FromWorker[] } {
  const said: FromWorker[] = []
  const keys = { blobs: randomBytes(32), pageHash: randomBytes(32), pieceHash: randomBytes(32) }
  return {
    task: new SealTask(
      { archive: newArchiveId(), ...keys },
      { postMessage: (message: FromWorker) => void said.push(message) },
    ),
    said,
  }
}

function pieceOf(bytes: Uint8Array): PieceRequest {
  const path = join(folder, 'file')
  writeFileSync(path, bytes)
  const { size, mtimeNs } = statSync(path, { bigint: true })
  return { path: Buffer.from(path), offset: 0, length: bytes.length, size, modified: mtimeNs }
}

const turns = async () => {
  for (let i = 0; i < 20; i++) await setImmediate()
}

it('asks for a buffer once, however often it is woken: a second one may be what another worker waits for', async () => {
  const { task, said } = started()
  task.receive({ op: 'hashPieces', slot: 1, pieces: [pieceOf(randomBytes(1000))] })
  task.receive({ op: 'keep', slot: 1, indices: [0] })
  await turns()
  for (let i = 0; i < 3; i++) {
    task.receive({ op: 'supply', id: newPackId() })
    await turns()
  }
  expect(said.map(({ op }) => op)).toEqual(['piecesHashed', 'wantBuffer'])
  task.receive({ op: 'supply', buffer: new SharedArrayBuffer(packCapacity) })
  task.receive({ op: 'endPack', ticket: 2 })
  await turns()
  expect(said.map(({ op }) => op)).toEqual(['piecesHashed', 'wantBuffer', 'piece', 'packed', 'ended'])
})

it('reports a file that is not what was listed, and seals the others of the request', async () => {
  const { task, said } = started()
  const piece = pieceOf(randomBytes(1000))
  task.receive({
    op: 'hashPieces',
    slot: 1,
    pieces: [{ ...piece, size: 999n }, { ...piece, path: Buffer.from(join(folder, 'gone')) }, piece],
  })
  await turns()
  const results = said[0]?.op === 'piecesHashed' ? said[0].results : []
  expect(results.map(({ fault }) => fault)).toEqual(['file_changed', 'file_vanished', undefined])
})

it('says so when a page is no longer what its hash was made from', async () => {
  const { task, said } = started()
  const path = join(folder, 'db')
  writeFileSync(path, randomBytes(4096))
  const { openSync, closeSync } = await import('node:fs')
  const fd = openSync(path, 'r')
  task.receive({ op: 'source', source: { pageSize: 4096, pageCount: 1, fd } })
  task.receive({ op: 'take', pages: [0], hashes: randomBytes(16) })
  await turns()
  closeSync(fd)
  expect(said.map(({ op }) => op)).toEqual(['failed'])
})
