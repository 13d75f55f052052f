/** What becomes of a vault whose log, head, checkpoint, receipts or invites a thief of its database has changed. */
import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { follow } from '../../vault/log/chain.ts'
import { OpaquePool } from '../../vault/service/opaque-pool.ts'
import { login, type Owner, owner, readState, register } from '../fixtures/vault/honest-client.ts'
import { openTestVault, removeVault, type TestVault } from '../fixtures/vault/test-vault.ts'
import { parent, Thief } from './vault-thief-tools.ts'

let vault: TestVault
let thief: Thief
let who: Owner
/** One for all: starting a thread takes longer than anything here. */
let opaque: OpaquePool
beforeAll(() => {
  opaque = new OpaquePool(1)
})
afterAll(() => opaque.close())

function openVault(folder?: string): Promise<TestVault> {
  return openTestVault({ opaque, parent, ...(folder === undefined ? {} : { folder }) })
}

async function expectNoStart(why: RegExp): Promise<void> {
  await expect(openVault(vault.folder).then(() => 'it started')).rejects.toThrow(why)
}

beforeEach(async () => {
  vault = await openVault()
  thief = new Thief(vault.folder)
  who = owner()
  await register(vault.send, who, { password: 'right' })
  for (let guess = 1; guess <= 3; guess++) await login(vault.send, who, `wrong ${guess}`)
})
afterEach(async () => {
  await vault.close()
  removeVault(vault)
})

const append = 'INSERT INTO log (place, rid, counter, digest) VALUES (?, ?, ?, ?)'

/** By what is done: what a node says that sees it, running and at its start. Undefined where it need not see it. */
const logAttacks: Record<string, { act: () => unknown; running: RegExp | undefined; start: RegExp }> = {
  'its last entry is deleted': {
    act: () => thief.sql('DELETE FROM log WHERE place = (SELECT max(place) FROM log)'),
    running: undefined,
    start: /gap|does not lead to its head/,
  },
  'its first entry is deleted': {
    act: () => thief.sql('DELETE FROM log WHERE place = 1'),
    running: undefined,
    start: /entry 2 stands where 1 belongs/,
  },
  'all of it is deleted': { act: () => thief.sql('DELETE FROM log'), running: undefined, start: /gap/ },
  'an entry’s counter is changed': {
    act: () => thief.sql('UPDATE log SET counter = counter - 1 WHERE place = 3'),
    running: undefined,
    start: /does not lead to its head|another one/,
  },
  'an entry’s counter is made negative': {
    act: () => thief.sql('UPDATE log SET counter = -1 WHERE place = 3'),
    running: undefined,
    start: /no entry of a log/,
  },
  'an entry’s digest is changed': {
    act: () => thief.sql('UPDATE log SET digest = ? WHERE place = 2', randomBytes(32)),
    running: undefined,
    start: /does not lead to its head|another one/,
  },
  'an entry’s digest is cut': {
    act: () => thief.sql("UPDATE log SET digest = x'00' WHERE place = 2"),
    running: undefined,
    start: /no entry of a log/,
  },
  'an entry’s id is cut': {
    act: () => thief.sql("UPDATE log SET rid = x'' WHERE place = 2"),
    running: undefined,
    start: /no entry of a log/,
  },
  'an entry is appended': {
    act: () => thief.sql(append, thief.head().place + 1, who.rid, 99, randomBytes(32)),
    running: /does not lead to its head/,
    start: /does not lead to its head/,
  },
  'an entry is appended and another left out': {
    act: () => thief.sql(append, thief.head().place + 2, who.rid, 99, randomBytes(32)),
    running: /gap|stands where/,
    start: /gap|stands where/,
  },
  'an entry is appended and the head moved to it': {
    act: () => {
      const head = thief.head()
      thief.sql(append, head.place + 1, who.rid, 99, randomBytes(32))
      thief.putHead({ ...head, place: head.place + 1 })
    },
    running: /does not lead to its head/,
    start: /does not lead to its head/,
  },
  'a whole chain is appended under a head that nobody signed': {
    act: () => {
      const head = thief.head()
      const entry = { place: head.place + 1, rid: who.rid, counter: 99, digest: randomBytes(32) }
      thief.sql(append, entry.place, entry.rid, entry.counter, entry.digest)
      thief.putHead({ ...head, ...follow(head, entry) })
    },
    running: /not signed/,
    start: /not signed/,
  },
  'the head is taken away': {
    act: () => thief.sql('DELETE FROM head'),
    running: /empty/,
    start: /older|no head|empty/,
  },
  'the head is moved far ahead': {
    act: () => thief.putHead({ ...thief.head(), place: 10_000_000 }),
    running: /gap/,
    start: /gap/,
  },
  'the head’s signature is changed': {
    act: () => thief.putHead({ ...thief.head(), signature: randomBytes(64) }),
    running: /not signed/,
    start: /not signed/,
  },
  'the head names another seal key': {
    act: () => thief.putHead({ ...thief.head(), epoch: 2 }),
    running: /not signed/,
    start: /not signed/,
  },
}

/** The node answers nobody any more, evaluates nothing, and says why to its operator. */
async function expectStopped(why: RegExp): Promise<void> {
  const before = vault.evaluations.get(who.id)
  for (const password of ['right', 'wrong'])
    await expect(login(vault.send, who, password)).rejects.toMatchObject({ status: 503, refusal: { charged: false } })
  await expect(register(vault.send, owner(), { password: 'x' })).rejects.toMatchObject({ status: 503 })
  expect(vault.evaluations.get(who.id)).toBe(before)
  expect(vault.node.parts.journal.brokenBy?.message).toMatch(why)
}

describe.each(Object.entries(logAttacks))('when the log is changed: %s,', (_name, { act, running, start }) => {
  it('a running node stops, or goes on by what it knows itself; and it does not start again', async () => {
    await act()
    if (running) await expectStopped(running)
    else {
      expect(await login(vault.send, who, 'wrong 4')).toMatchObject({ attemptsLeft: 6 })
      expect(await login(vault.send, who, 'right')).toHaveProperty('key')
    }
    await vault.close()
    await expectNoStart(running ? start : /./)
  })

  it('between two runs, the node does not start, and says why', async () => {
    await vault.close()
    await act()
    await expectNoStart(start)
  })
})

describe('an older head with its true signature', () => {
  it.each(['running', 'stopped'])('stops a node that is %s', async (when) => {
    const older = thief.head()
    await login(vault.send, who, 'wrong 4')
    if (when === 'running') {
      thief.putHead(older)
      await expectStopped(/ends at/)
    }
    await vault.close()
    thief.putHead(older)
    await expectNoStart(/older/)
  })
})

describe('a checkpoint', () => {
  beforeEach(async () => {
    await vault.node.checkpoint(1)
    await vault.close()
  })
  const attacks: Record<string, () => unknown> = {
    'a byte of it is changed': () => {
      const [part] = thief.sql('SELECT bytes FROM checkpoint_parts WHERE number = 0') as { bytes: Buffer }[]
      if (!part) throw new Error('there is no checkpoint')
      part.bytes[20] = (part.bytes[20] ?? 0) ^ 1
      thief.sql('UPDATE checkpoint_parts SET bytes = ? WHERE number = 0', part.bytes)
    },
    'its signature is cut off': () => thief.sql('UPDATE checkpoint SET parts = parts - 1'),
    'its end is noise': () => thief.sql('UPDATE checkpoint_parts SET bytes = ? WHERE number = 1', randomBytes(10)),
    'it says that it is of another place': () => thief.sql('UPDATE checkpoint SET place = place - 1'),
    'all its parts are empty': () => thief.sql("UPDATE checkpoint_parts SET bytes = x''"),
    'it has no parts': () => thief.sql('UPDATE checkpoint SET parts = 0'),
  }
  it.each(Object.keys(attacks))('is refused as the vault’s own when %s, and the node does not start', async (name) => {
    attacks[name]?.()
    await expectNoStart(/checkpoint/)
  })

  it('that is older serves as long as the log goes on from it, and not when entries are missing', async () => {
    const parts = thief.sql('SELECT * FROM checkpoint_parts') as { making: string; number: number; bytes: Buffer }[]
    const [old] = thief.sql('SELECT * FROM checkpoint') as { making: string; place: number; parts: number }[]
    vault = await openVault(vault.folder)
    const putBack = () => {
      for (const { making, number, bytes } of parts)
        thief.sql('INSERT OR REPLACE INTO checkpoint_parts VALUES (?, ?, ?)', making, number, bytes)
      thief.sql('UPDATE checkpoint SET making = ?, place = ?, parts = ?', old?.making, old?.place, old?.parts)
    }
    await login(vault.send, who, 'wrong 4')
    await vault.node.checkpoint(1)
    putBack()
    await vault.close()
    vault = await openVault(vault.folder)
    expect(await readState(vault.send, who)).toMatchObject({ attemptsLeft: 6 })

    for (const guess of [5, 6]) {
      await login(vault.send, who, `wrong ${guess}`)
      // The second one drops what the first has made unnecessary.
      await vault.node.checkpoint(1)
    }
    putBack()
    await vault.close()
    await expectNoStart(/stands where|gap/)
  })
})
