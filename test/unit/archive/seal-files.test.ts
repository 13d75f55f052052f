import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { FileSealer, type FileSealerOptions } from '../../../main/core/archive/write/seal-files.ts'
import type { PieceRequest } from '../../../main/core/archive/write/seal-messages.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'coffer-files-'))))
afterEach(() => rmSync(folder, { recursive: true }))

it('fails when a file cannot be noted, even while it looks through the folders for more', async () => {
  // Enough with content to be handed to a worker, and enough of all for a second look through the folders meanwhile.
  for (let i = 0; i < 10_600; i++) writeFileSync(join(folder, String(i).padStart(5, '0')), i < 250 ? `file ${i}` : '')
  const full = new Error('the disk is full')
  let failures = 1
  const worker = {
    hashPieces: async (pieces: PieceRequest[]) => {
      await new Promise(setImmediate)
      return { slot: 1, results: pieces.map(() => ({ hash: new Uint8Array(randomBytes(32)) })) }
    },
    send: () => undefined,
  }
  const files = {
    begin: () => undefined,
    see: () => 'new',
    set: ({ size }: { size: number }) => {
      if (size > 0 && failures-- > 0) throw full
    },
    flush: () => undefined,
    removeUnseen: () => 0,
  }
  const sealer = new FileSealer({
    leaveOut: [],
    context: { keys: { digest: randomBytes(32) } },
    state: { files },
    // Each content is known already, so that all ends with the note.
    landing: { findPiece: () => 1 },
    writers: () => [worker],
    settle: () => Promise.resolve(),
    expect: () => undefined,
    onBytes: () => undefined,
    onWarning: () => undefined,
    // Only these parts of everything around it are used.
  } as unknown as FileSealerOptions)
  const media = [{ name: 'Media', folder }]
  await expect(sealer.seal(media, new AbortController().signal)).rejects.toBe(full)
})
