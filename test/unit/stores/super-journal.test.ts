import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { mainBytes, makeClosed, places, withSnapshot } from './owned.ts'
import { openBytes, stateOf } from './pages.ts'
import { startOwner } from './processes.ts'

/** What SQLite appends to the journal of a transaction over several databases: page number, name, length, sum, magic. */
function record(name: string): Buffer {
  const text = Buffer.from(name)
  const numbers = Buffer.alloc(12)
  numbers.writeUInt32BE(0x40000000 / 4096 + 1, 0)
  numbers.writeUInt32BE(text.length, 4)
  numbers.writeUInt32BE(text.reduce((sum, byte) => sum + byte, 0) >>> 0, 8)
  return Buffer.concat([numbers.subarray(0, 4), text, numbers.subarray(4), Buffer.from('d9d505f920a163d7', 'hex')])
}

/** Rows that a snapshot shows as changed by a transaction whose writer died; its journal names `superJournal`. */
async function changedRows(superJournal: (path: string) => string | undefined): Promise<unknown> {
  const { owner, path, tmp } = places()
  makeClosed(path, { rows: 200 })
  const program = await startOwner(path)
  await program.run('pragma cache_size = 5; begin immediate; update t set a = zeroblob(1000)')
  await program.kill()
  const content = superJournal(path)
  const name = `${path}-mj012345978`
  if (content !== undefined) writeFileSync(name, content)
  writeFileSync(`${path}-journal`, Buffer.concat([readFileSync(`${path}-journal`), record(name)]))
  const before = stateOf(owner)
  const bytes = await withSnapshot(path, tmp, mainBytes)
  expect(stateOf(owner)).toEqual(before)
  expect(existsSync(name)).toBe(content !== undefined)
  return openBytes(bytes).prepare('select count(*) from t where a = zeroblob(1000)').pluck().get()
}

describe('a journal of a transaction over several databases', () => {
  it('is rolled back in the copy while its super-journal is there, which stays where it is', async () => {
    expect(await changedRows((path) => `${path}-journal\0`)).toBe(0)
  })

  it('is rolled back also if its super-journal is something else, which stays where it is', async () => {
    expect(await changedRows(() => 'a file that a person values')).toBe(0)
  })

  it('is not rolled back when its super-journal is gone: the transaction was committed', async () => {
    expect(await changedRows(() => undefined)).toBeGreaterThan(0)
  })
})
