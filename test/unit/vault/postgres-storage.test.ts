import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { openPostgres } from '../../../vault/store/postgres.ts'
import { StorageUnfit } from '../../../vault/store/storage.ts'
import { oneServer, type Server } from './postgres-server.ts'
import { storageConformance } from './storage-conformance.ts'
import { checkWhole, put, row } from './storage-samples.ts'

let only: { server: Server; remove: () => Promise<void> } | undefined
beforeAll(async () => {
  only = await oneServer()
})
afterAll(() => only?.remove())

let databases = 0
/** A database of its own on the one server. */
async function newDatabase(): Promise<string> {
  if (!only) throw new Error('there is no server')
  databases += 1
  await only.server.sql(`CREATE DATABASE vault_${databases}`)
  return `postgres://vault@127.0.0.1:${only.server.port}/vault_${databases}`
}

/** Nothing of a vault's, in the database that there is: much quicker than another database. */
async function emptied(): Promise<string> {
  if (!only) throw new Error('there is no server')
  await only.server.sql('DROP SCHEMA IF EXISTS coffer_vault CASCADE')
  return only.server.url
}

// Alone, as the quorum needs three servers: test/faults/vault-quorum.test.ts.
storageConformance('postgres', async () => {
  const url = await emptied()
  return {
    open: (options = {}) => openPostgres({ urls: [url], allowSingleNode: true, ...options }),
    where: ['postgres', url],
  }
})

describe('an engine that is not PostgreSQL', () => {
  it.each([
    'CockroachDB CCL v25.1.0 (x86_64-pc-linux-gnu)',
    'PostgreSQL 15.2-YB-2.25.0.0-b0 on x86_64',
    'PostgreSQL 12.1 on x',
  ])('“%s” is used only where that is allowed', async (version) => {
    const url = await newDatabase()
    const client = postgres(url, { max: 1, onnotice: () => undefined })
    onTestFinished(() => client.end())
    // PostgreSQL that gives itself out as another: what it shows is that nothing but the common words are spoken then.
    const name = new URL(url).pathname.slice(1)
    await client.unsafe(`CREATE SCHEMA pretence; CREATE FUNCTION pretence.version() RETURNS text LANGUAGE sql
        AS $$ SELECT '${version}'::text $$; ALTER DATABASE ${name} SET search_path = pretence, pg_catalog`)
    await expect(openPostgres({ urls: [url], allowSingleNode: true })).rejects.toThrow(StorageUnfit)
    const storage = await openPostgres({ urls: [url], allowOtherEngine: true })
    onTestFinished(() => storage.close())
    await put(storage, [row('a'), row('b')])
    await storage.ready()
    expect((await checkWhole(storage, ['a', 'b'])).head?.place).toBe(2)
  })
})
