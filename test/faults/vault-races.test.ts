/** A hundred at once, at two nodes over one database, on either engine. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { LoginStarted } from '../../contract/vault.ts'
import { addInvite } from '../../vault/log/write-note.ts'
import { inviteNote, newInvite } from '../../vault/service/invites.ts'
import { openPostgres } from '../../vault/store/postgres.ts'
import type { Storage } from '../../vault/store/storage.ts'
import {
  type Attempt,
  call,
  fingerprint,
  firstMessage,
  loginStart,
  owner,
  prepareRecord,
  readState,
  register,
  type Sent,
} from '../fixtures/vault/honest-client.ts'
import { openTestVault, removeVault, type TestVault } from '../fixtures/vault/test-vault.ts'
import { oneServer, type Server } from '../unit/vault/postgres-server.ts'

let only: { server: Server; remove: () => Promise<void> } | undefined
let attempts: Attempt[]
beforeAll(async () => {
  only = await oneServer()
  attempts = await Promise.all(Array.from({ length: 100 }, (_, guess) => firstMessage(`guess ${guess}`)))
})
afterAll(() => only?.remove())

const postgres = (): Promise<Storage> => openPostgres({ urls: [only?.server.url ?? ''], allowSingleNode: true })
const engines: [string, (() => Promise<Storage>) | undefined][] = [
  ['sqlite', undefined],
  ['postgres', postgres],
]

async function twoNodes(
  storage: (() => Promise<Storage>) | undefined,
  { invites } = { invites: false },
): Promise<[TestVault, TestVault]> {
  await only?.server.sql('DROP SCHEMA IF EXISTS coffer_vault CASCADE')
  const evaluations = new Map<string, number>()
  const common = async () => ({ evaluations, invites, ...(storage ? { storage: await storage() } : {}) })
  const one = await openTestVault(await common())
  const two = await openTestVault({ ...(await common()), folder: one.folder, nodeName: 'two', clock: one.clock })
  onTestFinished(async () => {
    await Promise.all([one.close(), two.close()])
    removeVault(one)
  })
  return [one, two]
}

/** Sends all at once, every other to either node; gives how many were answered how. */
async function atOnce(nodes: readonly [TestVault, TestVault], requests: readonly Sent[]) {
  const answers = await Promise.all(requests.map((request, at) => nodes[at % 2 === 0 ? 0 : 1].send(request)))
  const counts: Record<number, number> = {}
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1
  return { answers, counts }
}

describe.each(engines)('at two nodes over one database (%s)', (_engine, storage) => {
  it('of a hundred different guesses at once exactly ten are evaluated', async () => {
    const nodes = await twoNodes(storage)
    const who = owner()
    await register(nodes[0].send, who, { password: 'right' })
    const { counts } = await atOnce(
      nodes,
      attempts.map((attempt) => loginStart(who, attempt)),
    )
    expect(counts).toEqual({ 200: 10, 429: 90 })
    expect(nodes[0].evaluations.get(who.id)).toBe(10)
  })

  it('the same guess a hundred times at once is one charge, and always the same receipt', async () => {
    const nodes = await twoNodes(storage)
    const who = owner()
    await register(nodes[0].send, who, { password: 'right' })
    const [attempt] = attempts
    if (!attempt) throw new Error('there is no guess')
    const { answers, counts } = await atOnce(nodes, Array<Sent>(100).fill(loginStart(who, attempt)))
    expect(counts).toEqual({ 200: 100 })
    expect(new Set(answers.map(({ json }) => JSON.stringify(LoginStarted.parse(json).receipt))).size).toBe(1)
    expect(nodes[0].evaluations.get(who.id)).toBe(1)
    expect(await readState(nodes[1].send, who)).toMatchObject({ attemptsLeft: 9 })
  })

  it('of twenty creations of one record at once exactly one is made', async () => {
    const nodes = await twoNodes(storage)
    const who = owner()
    const vault = await fingerprint(nodes[0].send)
    const requests = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        prepareRecord(nodes[0].send, who, { password: `password ${at}`, generation: 0, vault }),
      ),
    )
    const { counts } = await atOnce(nodes, requests)
    expect(counts).toEqual({ 200: 1, 409: 19 })
  })

  it('an invite that twenty people use at once serves one of them', async () => {
    const nodes = await twoNodes(storage, { invites: true })
    const invite = newInvite()
    await addInvite(nodes[0], inviteNote(invite), 1000)
    const vault = await fingerprint(nodes[0].send)
    const requests = await Promise.all(
      Array.from({ length: 20 }, () =>
        prepareRecord(nodes[0].send, owner(), { password: 'right', generation: 0, vault, invite }),
      ),
    )
    const { counts } = await atOnce(nodes, requests)
    expect(counts).toEqual({ 200: 1, 403: 19 })
  })

  it('guesses at one node and the owner’s change of password at the other leave ten of what is there then', async () => {
    const nodes = await twoNodes(storage)
    const who = owner()
    await register(nodes[0].send, who, { password: 'right' })
    const vault = await fingerprint(nodes[0].send)
    const put = await prepareRecord(nodes[0].send, who, { password: 'new', generation: 1, vault })
    const guesses = attempts.slice(0, 40).map((attempt) => loginStart(who, attempt))
    const [change] = await Promise.all([call(nodes[0].send, put), atOnce(nodes, guesses)])
    expect(change).toMatchObject({ receipt: { kind: 'replaced', attemptsLeft: 10 } })
    await atOnce(
      nodes,
      attempts.slice(40).map((attempt) => loginStart(who, attempt)),
    )
    // Ten of the record before at most, and ten of this one.
    expect(nodes[0].evaluations.get(who.id)).toBeLessThanOrEqual(20)
    expect(await readState(nodes[0].send, who)).toMatchObject({ state: 'exhausted', attemptsLeft: 0, generation: 2 })
  })
})
