import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { RecordId } from '../../../contract/vault.ts'
import { makeSecret } from '../../../main/core/keys/secret.ts'
import { openOwner, signNewest } from '../../../main/core/vault/owner.ts'
import { deleteRecord, readRecord, tellNewest } from '../../../main/core/vault/record.ts'
import { digitsOf, goodPassword, linkTo, otherPassword, register, tryPassword } from './client.ts'
import { type HostileVault, startHostileVault } from './hostile-vault.ts'
import { failureOf } from './thrown.ts'
import type { StepName } from './vault-model.ts'

let vault: HostileVault
let rid: RecordId
const key = makeSecret()
const owner = openOwner(key)
beforeAll(async () => {
  vault = await startHostileVault()
  rid = await register(vault, key)
  vault.remember()
})
beforeEach(() => vault.restore())
afterAll(() => vault.close())

const record = () => vault.model.records.get(rid)
/** What each job asks for, in order, and what must be true once it has succeeded. */
const jobs: Record<string, { steps: StepName[]; run: () => Promise<unknown>; done: () => void | Promise<void> }> = {
  'changing the password': {
    steps: ['info', 'register', 'put'],
    run: () => register(vault, key, { generation: 1, password: otherPassword }),
    done: async () => {
      expect(record()).toMatchObject({ generation: 2, state: 'active' })
      expect(digitsOf((await tryPassword(vault, rid, otherPassword)).key)).toBe(digitsOf(key))
    },
  },
  'opening with the password': {
    steps: ['info', 'start', 'finish'],
    run: async () => {
      const before = vault.model.evaluations
      expect(digitsOf((await tryPassword(vault, rid)).key)).toBe(digitsOf(key))
      expect(vault.model.evaluations).toBe(before + 1)
    },
    done: () => expect(record()).toMatchObject({ budget: 10, state: 'active' }),
  },
  'a wrong password': {
    steps: ['info', 'start', 'abandon'],
    run: async () => {
      const error = await failureOf(tryPassword(vault, rid, otherPassword))
      expect(error).toMatchObject({ code: 'wrong_password', detail: { attemptsLeft: 9 } })
    },
    done: () => expect(record()).toMatchObject({ budget: 9 }),
  },
  'telling the newest backup': {
    steps: ['info', 'newest'],
    run: async () =>
      tellNewest(await linkTo(vault), owner, signNewest(owner, { seq: 5, identity: 'ab'.repeat(32) }), 1),
    done: () => expect(record()?.newest?.number).toBe(5),
  },
  'asking what happened': {
    steps: ['info', 'receipts'],
    run: async () => expect((await readRecord(await linkTo(vault), owner)).statement.state).toBe('active'),
    done: () => undefined,
  },
  'removing the password': {
    steps: ['info', 'delete'],
    run: async () => deleteRecord(await linkTo(vault), owner, 1),
    done: () => expect(record()).toMatchObject({ state: 'deleted', generation: 1 }),
  },
}
const cases = Object.entries(jobs).flatMap(([name, job]) => job.steps.map((step) => [name, step, job] as const))

describe('what is lost on the way, once or twice,', () => {
  it.each(cases)('does no harm: %s, an answer to “%s”', async (_, step, { run, done }) => {
    vault.loseAnswers(step, 2)
    await run()
    await done()
  })

  it.each(cases)('does no harm: %s, a request of “%s”', async (_, step, { run, done }) => {
    vault.loseRequests(step, 2)
    await run()
    await done()
  })
})

describe('what is lost for good', () => {
  it('leaves the old password or the new one, never both and never neither', async () => {
    for (const [lose, works, fails] of [
      [vault.loseRequests, goodPassword, otherPassword],
      [vault.loseAnswers, otherPassword, goodPassword],
    ] as const) {
      vault.restore()
      lose('put', 3)
      const change = { generation: 1, password: otherPassword }
      expect(await failureOf(register(vault, key, change))).toMatchObject({
        code: 'vault_unreachable',
        detail: { unsure: expect.stringContaining('Run it again') },
      })
      vault.bend('put', ({ told }) => told)
      expect(digitsOf((await tryPassword(vault, rid, works)).key)).toBe(digitsOf(key))
      expect(await failureOf(tryPassword(vault, rid, fails))).toMatchObject({ code: 'wrong_password' })
    }
  })

  it('can be done again from what the record says of itself, whether it was done or not', async () => {
    for (const lose of [vault.loseRequests, vault.loseAnswers]) {
      vault.restore()
      lose('put', 3)
      await failureOf(register(vault, key, { generation: 1, password: otherPassword }))
      vault.bend('put', ({ told }) => told)
      const { statement } = await readRecord(await linkTo(vault), owner)
      await register(vault, key, { generation: statement.generation, password: otherPassword })
      expect(digitsOf((await tryPassword(vault, rid, otherPassword)).key)).toBe(digitsOf(key))
    }
  })

  it('of a guess is told as one that may be gone', async () => {
    vault.loseAnswers('start', 3)
    expect(await failureOf(tryPassword(vault, rid))).toMatchObject({
      code: 'vault_unreachable',
      detail: { charged: true, tries: 'One of your ten tries may have been used.' },
    })
    expect(record()?.budget).toBe(9)
    vault.restore()
    vault.loseAnswers('finish', 3)
    expect(await failureOf(tryPassword(vault, rid))).toMatchObject({
      code: 'vault_unreachable',
      detail: { charged: true },
    })
  })

  it('of finding out who the vault is costs nothing', async () => {
    vault.loseAnswers('info', 3)
    const error = await failureOf(tryPassword(vault, rid))
    expect(error).toMatchObject({ code: 'vault_unreachable' })
    expect(error).not.toHaveProperty('detail.charged')
    expect(record()?.budget).toBe(10)
  })
})
