import { afterAll, beforeAll } from 'vitest'
import { openPostgres } from '../../../vault/store/postgres.ts'
import { oneServer, type Server } from './postgres-server.ts'
import { storageConformance } from './storage-conformance.ts'

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

// Alone, as the quorum needs three servers: test/faults/vault-sites.test.ts.
storageConformance('postgres', async () => {
  const url = await newDatabase()
  return {
    open: (options = {}) => openPostgres({ urls: [url], allowSingleNode: true, ...options }),
    where: ['postgres', url],
  }
})
