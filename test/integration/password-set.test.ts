import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CofferError } from '../../contract/errors.ts'
import { openSession } from '../../main/core/jobs/session.ts'
import type { Destination } from '../../main/core/destinations/destination.ts'
import { parseVaultAddress, showFingerprint } from '../../main/core/vault/address.ts'
import { addRows, change } from '../fixtures/practice-archive.ts'
import { digitsOf, otherPassword } from '../unit/vault-client/client.ts'
import { type Guarded, guardedArchive } from '../unit/vault-client/guarded.ts'
import { startHostileVault } from '../unit/vault-client/hostile-vault.ts'
import { failureOf } from '../unit/vault-client/thrown.ts'

let it_: Guarded
let elsewhere: string
beforeEach(async () => {
  it_ = await guardedArchive()
  elsewhere = mkdtempSync(join(tmpdir(), 'coffer-elsewhere-'))
})
afterEach(async () => {
  await it_.close()
  rmSync(elsewhere, { recursive: true, force: true })
})

const record = () => [...it_.vault.model.records.values()][0]
/** The archive's place, where one kind of writing goes wrong. */
function failing(changes: Partial<Destination>): Destination {
  return { ...it_.archive.destination, ...changes }
}
const refusing = (): Promise<never> => Promise.reject(new CofferError('destination_read_only'))

describe('setting a password', () => {
  it('makes the archive open by password on any computer, and by its key as before', async () => {
    await it_.set()
    expect(await it_.header()).toMatchObject({
      number: 2,
      vault: { address: it_.vault.origin, fingerprint: it_.vault.model.fingerprint },
    })
    expect(await it_.header('coffer.previous.json')).toMatchObject({ number: 1, vault: null })
    const { key, warnings } = await it_.unlock({ home: elsewhere })
    expect([digitsOf(key), warnings]).toEqual([digitsOf(it_.archive.secret), []])
    const session = await it_.archive.open()
    expect(session.warnings).toEqual([])
    session.close()
  })

  it('puts another in its place: the old one no longer opens, and the header stays as it is', async () => {
    await it_.set()
    await it_.set({ password: otherPassword, named: null })
    expect(await it_.header()).toMatchObject({ number: 2 })
    expect(record()).toMatchObject({ generation: 2, receipts: [{ kind: 'created' }, { kind: 'replaced' }] })
    await it_.unlock({ password: otherPassword })
    expect(await failureOf(it_.unlock())).toMatchObject({ code: 'wrong_password' })
  })

  it('works anew after ten wrong ones have destroyed the old one, for whoever has the key', async () => {
    await it_.set()
    for (let i = 0; i < 9; i++) await failureOf(it_.unlock({ password: otherPassword }))
    expect(await failureOf(it_.unlock({ password: otherPassword }))).toMatchObject({ code: 'destroyed' })
    await it_.set({ password: otherPassword, named: null })
    expect(digitsOf((await it_.unlock({ password: otherPassword })).key)).toBe(digitsOf(it_.archive.secret))
  })

  it('leaves no record behind when the header cannot be written, and no header that promises one', async () => {
    const destination = failing({ replace: refusing })
    expect(await failureOf(it_.set({ destination }))).toMatchObject({ code: 'destination_read_only' })
    expect(record()).toMatchObject({ state: 'deleted' })
    expect(await it_.header()).toMatchObject({ number: 1, vault: null })
    // And the same again, once the place can be written to.
    await it_.set()
    await it_.unlock()
  })

  it('keeps the record when the header got there though its writing failed in the end', async () => {
    const real = it_.archive.destination
    const destination = failing({
      async replace(name, bytes, expected) {
        await real.replace(name, bytes, expected)
        if (name === 'coffer.json') await refusing()
      },
    })
    expect(await failureOf(it_.set({ destination }))).toMatchObject({ code: 'destination_read_only' })
    expect(record()).toMatchObject({ state: 'active' })
    await it_.unlock()
  })

  it('leaves a whole header in place at whichever write it is stopped', async () => {
    await it_.set()
    for (const name of ['coffer.json', 'coffer.previous.json']) {
      const real = it_.archive.destination
      const destination = failing({
        replace: (object, bytes, expected) => (object === name ? refusing() : real.replace(object, bytes, expected)),
      })
      expect(await failureOf(it_.remove({ destination })), name).toMatchObject({ code: 'destination_read_only' })
      const session = await it_.archive.open()
      expect(session.warnings).toEqual([])
      session.close()
      await it_.remove()
      await it_.set()
    }
  })

  it('takes no answer that a vault makes up: nothing is written then', async () => {
    it_.vault.bend('put', ({ told, asked }) => ({
      ...told,
      json: {
        ...told.json,
        statement: {
          ...Object(told.json['statement']),
          state: 'active',
          rid: asked.path.split('/')[3] ?? '',
          generation: 9,
        },
      },
    }))
    expect(await failureOf(it_.set())).toMatchObject({ code: 'vault_failed' })
    expect(await it_.header()).toMatchObject({ number: 1, vault: null })
  })
})

describe('the vault at which a password is set', () => {
  it('is the one that a backup confirms, also on a computer that has never seen it', async () => {
    await it_.set()
    await it_.archive.backUp()
    await it_.set({ named: null, home: elsewhere })
    expect(record()).toMatchObject({ generation: 2 })
  })

  it('is never one that the header alone names: not on a new computer, before there is a backup', async () => {
    await it_.set()
    expect(await failureOf(it_.set({ named: null, home: elsewhere }))).toMatchObject({ code: 'vault_not_confirmed' })
    await it_.set({ home: elsewhere })
    await it_.set({ named: null, home: elsewhere })
    expect(record()).toMatchObject({ generation: 3 })
  })

  it('is not one that an older header names, put back by whoever keeps the archive', async () => {
    await it_.set()
    const old = await it_.archive.destination.get('coffer.json')
    const second = await startHostileVault()
    try {
      await it_.set({ named: second })
      await it_.archive.backUp()
      const rolledBack = it_.archive.destination.copy()
      rolledBack.objects.set('coffer.json', { bytes: old ?? new Uint8Array(), modified: new Date() })
      for (const home of [elsewhere, it_.archive.home])
        expect(await failureOf(it_.set({ named: null, home, destination: rolledBack }))).toMatchObject({
          code: 'vault_not_confirmed',
        })
    } finally {
      await second.close()
    }
  })

  it('has to be who it was, unless the person brings another fingerprint', async () => {
    await it_.set()
    const impostor = await startHostileVault()
    try {
      it_.vault.bend('info', () => impostor.model.answer({ method: 'GET', path: '/v1/info', headers: {}, body: '' }))
      expect(await failureOf(it_.set())).toMatchObject({ code: 'vault_not_genuine' })
    } finally {
      await impostor.close()
    }
  })

  it('has to be named for an archive that has none', async () => {
    expect(await failureOf(it_.set({ named: null }))).toMatchObject({ code: 'usage' })
  })
})

describe('moving to another vault', () => {
  it('ends the old password where it was', async () => {
    await it_.set()
    const second = await startHostileVault()
    try {
      expect((await it_.set({ named: second, password: otherPassword })).warnings).toEqual([])
      expect(record()).toMatchObject({ state: 'deleted' })
      expect(await it_.header()).toMatchObject({ number: 3, vault: { address: second.origin } })
      await it_.unlock({ password: otherPassword })
    } finally {
      await second.close()
    }
  })

  it('says so when the old vault cannot be reached to delete its record', async () => {
    await it_.set()
    const second = await startHostileVault()
    try {
      it_.vault.bend('delete', () => 'drop')
      expect((await it_.set({ named: second })).warnings).toMatchObject([
        { code: 'record_left', detail: { vault: it_.vault.origin } },
      ])
    } finally {
      await second.close()
    }
  })
})

describe('removing the password', () => {
  it('deletes the record, then its name in the header; the key opens as before', async () => {
    await it_.set()
    await it_.remove()
    expect(record()).toMatchObject({ state: 'deleted' })
    expect(await it_.header()).toMatchObject({ number: 3, vault: null })
    change(it_.archive.database, (db) => addRows(db, 1))
    expect((await it_.archive.backUp()).warnings).toEqual([])
    expect(await failureOf(it_.remove())).toMatchObject({ code: 'no_password' })
  })

  it('goes on where it was stopped: the record is gone, the header still names it', async () => {
    await it_.set()
    expect(await failureOf(it_.remove({ destination: failing({ replace: refusing }) }))).toMatchObject({
      code: 'destination_read_only',
    })
    expect(record()).toMatchObject({ state: 'deleted' })
    expect(await failureOf(it_.unlock())).toMatchObject({ code: 'no_record' })
    await it_.remove()
    expect(await it_.header()).toMatchObject({ vault: null })
  })

  it('changes nothing while the vault cannot be reached', async () => {
    await it_.set()
    it_.vault.bend('delete', () => 'drop')
    it_.vault.loseRequests('delete', 3)
    expect(await failureOf(it_.remove())).toMatchObject({ code: 'vault_unreachable' })
    expect(await it_.header()).toMatchObject({ number: 2 })
    await it_.unlock()
  })
})

describe('a vault that only a header names', () => {
  it('in this computer’s own network is not asked, unless the person or this computer knows it', async () => {
    await it_.set()
    const session = await it_.archive.open()
    const { vaultOf } = await import('../../main/core/jobs/password/unlock.ts')
    const fingerprint = it_.vault.model.fingerprint
    const near = { ...session.header, vault: { address: 'https://192.168.1.5', fingerprint, record: Buffer.alloc(32) } }
    const named = parseVaultAddress('https://192.168.1.5')
    expect(() => vaultOf({ header: near, named: undefined, home: elsewhere })).toThrow(/^vault_not_confirmed/)
    expect(vaultOf({ header: near, named, home: elsewhere }).host).toBe('192.168.1.5')
    expect(() =>
      vaultOf({
        header: near,
        named: parseVaultAddress(`https://192.168.1.5#${showFingerprint(Buffer.alloc(32))}`),
        home: elsewhere,
      }),
    ).toThrow(/^vault_not_genuine/)
    // Loopback is always allowed: it is this very computer.
    const header = await it_.header()
    if (!header.vault) throw new Error('a vault was set')
    expect(vaultOf({ header: { ...header, vault: header.vault }, named: undefined, home: elsewhere }).origin).toBe(
      it_.vault.origin,
    )
    session.close()
  })

  it('and that somebody rewrote is found out as soon as the key is there', async () => {
    await it_.set()
    const { archive } = it_
    const forged = archive.destination.copy()
    for (const name of ['coffer.json', 'coffer.previous.json']) {
      const json = JSON.parse(Buffer.from((await forged.get('coffer.json')) ?? []).toString()) as {
        body: string
        mac: string
        coffer: number
      }
      const body = Buffer.from(json.body, 'base64url')
      body.write('9', body.indexOf('http://127.0.0.1:') + 17)
      forged.objects.set(name, {
        bytes: Buffer.from(`${JSON.stringify({ ...json, body: body.toString('base64url') })}\n`),
        modified: new Date(),
      })
    }
    const opening = openSession({
      destination: forged,
      secret: archive.secret,
      home: elsewhere,
      now: () => new Date(),
      startWorker: () => {
        throw new Error('not used')
      },
    })
    expect(await failureOf(opening)).toMatchObject({ code: 'header_altered' })
  })
})
