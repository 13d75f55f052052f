import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findSnapshot } from '../../main/core/jobs/snapshots.ts'
import { vaultAtBackup } from '../../main/core/jobs/password/at-backup.ts'
import { readActivity } from '../../main/core/jobs/password/activity.ts'
import { addRows, change, manifests } from '../fixtures/practice-archive.ts'
import * as bodies from '../unit/vault-client/bodies.ts'
import { altered, askedFor } from '../unit/vault-client/bending.ts'
import { otherPassword } from '../unit/vault-client/client.ts'
import { type Guarded, guardedArchive } from '../unit/vault-client/guarded.ts'
import type { Bend } from '../unit/vault-client/hostile-vault.ts'
import { failureOf } from '../unit/vault-client/thrown.ts'
import { VaultModel } from '../unit/vault-client/vault-model.ts'
import type { Statement } from '../../contract/vault.ts'

let it_: Guarded
let elsewhere: string
beforeEach(async () => {
  it_ = await guardedArchive()
  elsewhere = mkdtempSync(join(tmpdir(), 'coffer-elsewhere-'))
  await it_.set()
  it_.vault.remember()
})
afterEach(async () => {
  await it_.close()
  rmSync(elsewhere, { recursive: true, force: true })
})

/** A backup with something new in it. */
async function backUp(options: { home?: string; takeOver?: boolean } = {}) {
  change(it_.archive.database, (db) => addRows(db, 1))
  return await it_.archive.backUp(options)
}
async function newest() {
  const session = await it_.archive.open()
  const all = await manifests(session)
  session.close()
  return all.at(-1)
}
const record = () => [...it_.vault.model.records.values()][0]
const base64url = (hex = ''): string => Buffer.from(hex, 'hex').toString('base64url')

describe('a backup of an archive whose key a vault guards', () => {
  it('tells the vault which backup is the newest, and notes in the manifest what the vault told', async () => {
    await it_.unlock()
    expect((await backUp()).warnings).toEqual([])
    const first = await newest()
    expect(record()?.newest).toMatchObject({ number: 1, identity: base64url(first?.identity) })
    expect(first?.header).toMatchObject({ number: 2, vault: { address: it_.vault.origin } })
    expect(first?.vaultSeen).toMatchObject({ counter: 3 })
    expect((await backUp()).warnings).toEqual([])
    expect((await newest())?.vaultSeen?.counter).toBe(4)
    expect(record()?.newest?.number).toBe(2)
  })

  it('reports wrong passwords tried elsewhere since the last one, once, and not this computer’s own', async () => {
    await backUp()
    await failureOf(it_.unlock({ password: otherPassword }))
    expect((await backUp()).warnings).toEqual([])
    for (let i = 0; i < 3; i++) await failureOf(it_.unlock({ password: otherPassword, home: elsewhere }))
    expect((await backUp()).warnings).toMatchObject([{ code: 'passwords_tried', detail: { count: 3 } }])
    expect((await backUp()).warnings).toEqual([])
  })

  it('says that the password is gone when ten wrong ones have destroyed it', async () => {
    for (let i = 0; i < 10; i++) await failureOf(it_.unlock({ password: otherPassword, home: elsewhere }))
    expect((await backUp()).warnings).toMatchObject([
      { code: 'passwords_tried', detail: { count: 10 } },
      { code: 'destroyed' },
    ])
  })

  it('succeeds without the vault, and says that it was without it', async () => {
    for (const step of ['info', 'receipts'] as const) {
      it_.vault.restore()
      it_.vault.bend(step, () => 'drop')
      expect((await backUp()).warnings).toMatchObject([{ code: 'vault_unreachable' }])
    }
    expect((await newest())?.seq).toBe(2)
  })

  it.each<[string, Bend]>([
    ['does not end', bodies.endless],
    ['is a web page', bodies.page],
    ['is empty', bodies.emptyObject],
  ])('succeeds whatever the vault answers at any step: an answer that %s', async (_, bend) => {
    for (const step of ['info', 'receipts', 'newest'] as const) {
      it_.vault.restore()
      it_.vault.bend(step, bend)
      const { warnings, snapshot } = await backUp()
      expect((await newest())?.snapshot).toBe(snapshot)
      expect(
        warnings.map(({ code }) => code),
        step,
      ).toEqual(['vault_failed'])
    }
  })
})

describe('what another vault signed', () => {
  it('is no news of this record: a backup succeeds, and says that something is wrong', async () => {
    const stranger = new VaultModel()
    const bend = altered<{ statement: Statement }>(({ statement }) => ({
      statement: stranger.statement(statement.rid, askedFor(statement)),
    }))
    for (const step of ['receipts', 'newest'] as const) {
      it_.vault.restore()
      it_.vault.bend(step, bend)
      expect((await backUp()).warnings).toMatchObject([{ code: 'vault_failed' }])
    }
  })
})

describe('a vault that shows an older state', () => {
  it('is reported by a computer that remembers, and by what it left in the archive on one that does not', async () => {
    await backUp()
    it_.vault.remember()
    await it_.unlock()
    await backUp()
    it_.vault.restore()
    const { warnings } = await backUp()
    expect(warnings.map(({ code }) => code)).toContain('vault_rolled_back')
    const other = await backUp({ home: elsewhere, takeOver: true })
    expect(other.warnings.map(({ code }) => code)).toContain('vault_rolled_back')
  })

  it('is reported at a login on a computer that remembers, and the key is had all the same', async () => {
    it_.vault.remember()
    await it_.unlock()
    await it_.unlock()
    it_.vault.restore()
    const { warnings } = await it_.unlock()
    expect(warnings).toMatchObject([{ code: 'vault_rolled_back', detail: { what: 'counter' } }])
  })

  it('is reported when receipts that it showed are other ones now, whatever it counts', async () => {
    await it_.unlock()
    it_.vault.bend('receipts', ({ told }) => {
      const { statement } = told.json as unknown as { statement: Statement }
      const changed = { counter: statement.counter + 5, logPlace: statement.logPlace + 5 }
      return {
        ...told,
        json: {
          receipts: [],
          statement: it_.vault.model.statement(statement.rid, askedFor(statement), changed),
        },
      }
    })
    const session = await it_.archive.open()
    const { warnings } = await readActivity(session, new AbortController().signal)
    expect(warnings).toMatchObject([{ code: 'vault_rolled_back', detail: { what: 'receipts', found: 0 } }])
    session.close()
  })

  it('is reported when another log stands at the place it once showed', async () => {
    await it_.unlock()
    const file = join(it_.archive.home, 'archives', (await it_.header()).archive, 'vault.json')
    const memory = JSON.parse(readFileSync(file, 'utf8')) as { seen: { logHead: string } }
    const session = await it_.archive.open()
    expect((await readActivity(session, new AbortController().signal)).warnings).toEqual([])
    writeFileSync(file, JSON.stringify({ ...memory, seen: { ...memory.seen, logHead: 'ab'.repeat(32) } }))
    const { warnings } = await readActivity(session, new AbortController().signal)
    expect(warnings).toMatchObject([{ code: 'vault_rolled_back', detail: { what: 'log rewritten' } }])
    session.close()
  })
})

describe('a vault that is asked by two commands at once', () => {
  it('is not reported for what it told a backup before it told the other one', async () => {
    await backUp()
    const manifest = await newest()
    if (!manifest) throw new Error('there is no backup')
    const session = await it_.archive.open()
    const atBackup = vaultAtBackup(session, new AbortController().signal)
    it_.vault.asked.length = 0
    await expect.poll(() => it_.vault.asked).toContain('receipts')
    await it_.unlock()
    await atBackup.seen(manifest)
    expect(await atBackup.tell(manifest)).toEqual([])
    atBackup.close()
    session.close()
  })
})

describe('a cloud that hides the newest backups', () => {
  it('is found out by a restore with the password on a new computer', async () => {
    await backUp()
    const old = it_.archive.destination.copy()
    await backUp()
    const { newest: witness, key } = await it_.unlock({ home: elsewhere, destination: old })
    key.dispose()
    const open = async (destination = old) => {
      const session = await it_.archive.open(destination, { home: elsewhere, witness: witness ?? undefined })
      const { warnings } = await findSnapshot(session, { salvage: false })
      session.close()
      return warnings
    }
    expect(await open()).toMatchObject([{ code: 'older_than_known', detail: { known: 2, found: 1 } }])
    expect(await open(it_.archive.destination)).toEqual([])
  })

  it('is found out by the next backup of another computer', async () => {
    await backUp()
    const old = it_.archive.destination.copy()
    await backUp()
    await backUp()
    change(it_.archive.database, (db) => addRows(db, 1))
    const { warnings } = await it_.archive.backUp({ destination: old, home: elsewhere, takeOver: true })
    expect(warnings).toMatchObject([{ code: 'older_than_known', detail: { known: 3, found: 2 } }])
  })
})
